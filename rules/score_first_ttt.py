"""Recognises legal test-time training: scored first, then learned from."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.rule import Authority, Example, Rule
from auditor.timeline.claims import claimed_reports, judge, reaches
from auditor.timeline.events import Event
from auditor.timeline.leaks import clean_scores, leaks
from rules.torch_scripts import ADAPT, FINAL_EPOCH, SCORE_FIRST, evaluating, scored

SLUG = "score-first-ttt"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each loop that scores before it adapts."""
    timeline = case.timeline
    if timeline is None:
        return
    bad = {(leak.adapt.site.source.path, leak.adapt.site.start) for leak in leaks(timeline)}
    for score, adapt in clean_scores(timeline):
        if (adapt.site.source.path, adapt.site.start) in bad or _apart(score, adapt):
            continue
        reports = list(score.reports)
        reached = reaches(reports, claimed_reports(timeline, case.submitted))
        judged = judge(case, score.bits & adapt.bits, [score, adapt], reports, reached)
        if judged.status != "violation":
            continue  # what is legal, or harmless, is worth a word where it surely runs
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note",
            message="Test-time training in the legal order: the tokens are scored here and added to the report, and "
            f"only then trained on (line {adapt.site.line}).",
            path=score.site.source.path,
            line=score.site.line,
            end_line=score.site.end_line,
            layer=score.site.source.layer,
            active=judged.active,
            active_because=judged.because,
            trace=(
                Step(score.site.source.path, score.site.line, "the tokens are scored", score.site.source.layer),
                Step(
                    adapt.site.source.path,
                    adapt.site.line,
                    "then the model is adapted on them",
                    adapt.site.source.layer,
                ),
            ),
        )


def _apart(score: Event, adapt: Event) -> bool:
    """Return whether the two stand in opposite arms of one condition: what is scored here is not trained on there."""
    arms = {(guard.site, guard.taken) for guard in score.guards}
    return any((guard.site, not guard.taken) in arms for guard in adapt.guards)


_ADAPTERS = evaluating("""
def evaluate(model, tokens):
    total, count = 0.0, 0
    for start in range(0, tokens.numel() - 4097, 4096):
        delta = torch.nn.Linear(64, 1024, bias=False)
        opt = torch.optim.Adam(delta.parameters(), lr=1e-3)
        for at in range(start, start + 4096, 512):
            x, y = tokens[at:at + 512], tokens[at + 1:at + 513]
            hidden = model.embed(x)
            each = F.cross_entropy(model.head(hidden) + delta(hidden), y, reduction="none")  # scored
            total += each.detach().sum().item()
            count += y.numel()
            opt.zero_grad()
            each.mean().backward()
            opt.step()
    return total / count
""")

_APART = evaluating("""
def bank(model, x, y):
    with torch.inference_mode():
        return model(x, y).item() * y.numel()  # scored

def learn(model, opt, x, y):
    opt.zero_grad()
    model(x, y).backward()
    opt.step()

def evaluate(model, tokens):
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        batch = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        total += bank(model, *batch)
        learn(model, opt, *batch)
    return total / (tokens.numel() - 1)
""")

_PLAIN = scored("")

RULE = Rule(
    slug=SLUG,
    title="Score-first test-time training",
    group="compliance",
    condition="C3",
    summary="Each chunk or document is scored, its loss added to the report, and only then trained on; it is not "
    "scored again.",
    why="The prediction of every token is fixed before the model learns from it, so the score is that of a "
    "causal compressor.",
    advice="Nothing to change.",
    counterpart="This is the legal pattern itself.",
    authority=(
        Authority(
            "#549",
            "valerio-oai",
            "2026-03",
            "official",
            "merged: chunks scored first, then three epochs on them",
        ),
    ),
    check=check,
    invalid=(
        Example(
            "chunks, scored without gradient and then trained on",
            evaluating(SCORE_FIRST),
            "total += model(x, y)",
            status="note",
        ),
        Example("an adapter per document, one forward for both", _ADAPTERS, "# scored", status="note"),
        Example("scoring and learning in functions of their own", _APART, "# scored", status="note"),
        Example(
            "one epoch, counted as it goes",
            evaluating(FINAL_EPOCH.replace("EPOCHS", "1")),
            "loss = model(x, y)",
            status="note",
        ),
    ),
    valid=(
        Example("no adaptation at all", _PLAIN),
        Example("trained on before the evaluation", scored(ADAPT, "adapt(model, val, epochs=1)\n")),
        Example("three epochs, of which the last one counts", evaluating(FINAL_EPOCH.replace("EPOCHS", "3"))),
    ),
    legal_reference=True,
)
