"""A warm-up that steps on validation tokens."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.leaks import harmless_adaptations
from auditor.timeline.paths import calls_of
from rules.torch_scripts import ADAPT, SCORE_FIRST, evaluating, scored

SLUG = "warmup-on-val"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each update on validation tokens that reaches no reported score.

    What reaches one is reported by the rules on the order of scoring and adapting.
    """
    timeline = case.timeline
    if timeline is None:
        return
    for adapt in harmless_adaptations(timeline):
        judged = activity(timeline, adapt.bits, [adapt])
        if judged.status != "violation":
            continue  # what is legal, or harmless, is worth a word where it surely runs
        updated = ", ".join(adapt.params[:3]) or "the updated parameters"
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note",
            message="This step uses validation tokens, but no score of the same tokens that is reported was seen to "
            f"use what it updates ({updated}).",
            path=adapt.site.source.path,
            line=adapt.site.line,
            end_line=adapt.site.end_line,
            layer=adapt.site.source.layer,
            active=judged.active,
            active_because=judged.because,
            trace=tuple(calls_of(adapt)),
        )


_THROWN_AWAY = scored(
    """
def warm_up(model, tokens):
    for p in model.parameters():
        p.requires_grad_(False)
    lora = torch.nn.Linear(64, 1024, bias=False)
    opt = torch.optim.AdamW(lora.parameters(), lr=1e-3)
    x, y = tokens[:1024], tokens[1:1025]
    hidden = model.embed(x)
    F.cross_entropy(model.head(hidden) + lora(hidden), y).backward()
    opt.step()
    del lora, opt
""",
    "warm_up(model, val)\n",
)

_ON_A_COPY = scored(
    """
def warm_up(model, x, y):
    trial = copy.deepcopy(model)
    opt = torch.optim.SGD(trial.parameters(), lr=0.0)
    for _ in range(3):
        opt.zero_grad()
        trial(x, y).backward()
        opt.step()
""",
    "warm_up(model, val[:1024][None], val[1:1025][None])\n",
)

_UNDONE = scored(
    """
def warm_up(model, tokens):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    model(tokens[:1024][None], tokens[1:1025][None]).backward()
    opt.step()
    model.load_state_dict(before)
""",
    "warm_up(model, val)\n",
)

_RANDOM = scored(
    """
def warm_up(model):
    opt = torch.optim.SGD(model.parameters(), lr=0.0)
    ids = torch.randint(0, 1024, (1, 1025))
    model(ids[:, :-1], ids[:, 1:]).backward()
    opt.step()
""",
    "warm_up(model)\n",
)

_TRAINING_TOKENS = scored(ADAPT, 'adapt(copy.deepcopy(model), read("data/fineweb_train_*.bin")[:2049], epochs=1)\n')

_FORWARD = scored(
    """
def warm_up(model, tokens):
    with torch.no_grad():
        for _ in range(3):
            model(tokens[:1024][None], tokens[1:1025][None])
""",
    "warm_up(model, val)\n",
)

RULE = Rule(
    slug=SLUG,
    title="Warm-up steps on validation tokens",
    group="compliance",
    condition="C3",
    summary="Before the scoring loop, a compile or cache warm-up runs a backward pass and a step on validation rows.",
    why="Whether it matters is decided by what survives: a throw-away adapter that is deleted leaves no trace in the "
    "score, parameters that are scored afterwards do.",
    advice="Warm up on random or training tokens; it costs the same and nobody has to ask.",
    counterpart="Warm-up on torch.randint tokens (#1536).",
    authority=(
        Authority(
            "#1530",
            "dexhunter",
            "2026-04",
            "community",
            "structurally adapt-before-score; merged, no maintainer answered",
        ),
        Authority("#1899", "codemath3000", "2026-04", "community", "asks for warm-up without validation tokens"),
    ),
    check=check,
    invalid=(
        Example("a low-rank adapter that is thrown away", _THROWN_AWAY, "opt.step()", status="note"),
        Example("a copy of the model", _ON_A_COPY, "opt.step()", status="note"),
        Example("the model itself, restored before it scores", _UNDONE, "opt.step()", status="note"),
    ),
    valid=(
        Example("random tokens", _RANDOM),
        Example("training tokens", _TRAINING_TOKENS),
        Example("forward passes only", _FORWARD),
        Example("score-first adaptation is no warm-up", evaluating(SCORE_FIRST)),
    ),
)
