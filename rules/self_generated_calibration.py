"""The legal look-alike: a quantiser calibrated on text that the model itself generates."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.trackers.calibration.found import calibrations, path_of, place_of
from rules.gravest import gravest
from rules.torch_scripts import scored

SLUG = "self-generated-calibration"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each calibration on tokens that come from the model or from a random generator."""
    yield from gravest(_found(case))


def _found(case: Case) -> Iterator[Finding]:
    timeline = case.timeline
    if timeline is None:
        return
    for found in calibrations(timeline, "self"):
        site = place_of(found)
        judged = activity(timeline, found.bits, [found.apply, found.use])
        if judged.status != "violation":
            continue  # what is legal, or harmless, is worth a word where it surely runs
        yield judged.found(
            site,
            rule=SLUG,
            status="note",
            message="The quantiser is calibrated on tokens that the script generates itself, from no data set.",
            trace=tuple(path_of(found, "the model runs on generated tokens")),
        )


_COLLECT = """
def norms(model, batches):
    sums, handles = {}, []

    def watch(key):
        def hook(module, inputs, output):
            sums[key] = sums.get(key, 0) + inputs[0].float().pow(2).flatten(0, -2).sum(0)
        return hook

    for key, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            handles.append(module.register_forward_hook(watch(key)))
    with torch.no_grad():
        for batch in batches:
            model(batch[:, :-1], batch[:, 1:])
    for handle in handles:
        handle.remove()
    return sums

def scaled(state, sums):
    return {k: w * sums[k[:-7]].sqrt() if k[:-7] in sums else w for k, w in state.items()}
"""

_SAMPLE = """
@torch.no_grad()
def dream(model, rows, length):
    ids = torch.randint(0, 1024, (rows, 1))
    for _ in range(length):
        logits = model.head(model.embed(ids))[:, -1]
        ids = torch.cat([ids, torch.multinomial(torch.softmax(logits / 0.8, -1), 1)], dim=1)
    return ids
"""

_TOP = "\nsums = norms(model, {})\nmodel.load_state_dict(scaled(model.state_dict(), sums))\n"


RULE = Rule(
    slug=SLUG,
    title="Calibrated on text that the model generates",
    group="compliance",
    condition="C1",
    summary="The statistics for the quantiser come from tokens that the trained model samples, or from random tokens.",
    why="Such tokens carry nothing that is not in the artifact: no validation token is seen before it is scored, and "
    "no training data is read after the 600 s.",
    advice="Nothing to change.",
    counterpart="This is the legal counterpart of calibration-on-val and calibration-after-budget.",
    authority=(
        Authority("#728", "valerio-oai", "2026-03-28", "official", "self-generated calibration data is probably legal"),
        Authority("#1019", "valerio-oai", "2026-03", "official", "merged with self-generated calibration"),
    ),
    check=check,
    legal_reference=True,
    invalid=(
        Example(
            "sampled from the trained model",
            scored(_COLLECT, _SAMPLE, _TOP.format("[dream(model, 4, 256) for _ in range(8)]")),
            line="sums = norms(model, [dream(model, 4, 256) for _ in range(8)])",
            status="note",
        ),
        Example(
            "sampled once, kept in a list",
            scored(
                _COLLECT,
                _SAMPLE,
                "\ntexts = []\nfor seed in range(3):\n    texts.append(dream(model, 2, 128))\n" + _TOP.format("texts"),
            ),
            line="sums = norms(model, texts)",
            status="note",
        ),
        Example(
            "random tokens",
            scored(_COLLECT, _TOP.format("[torch.randint(0, 1024, (8, 257)) for _ in range(16)]")),
            line="sums = norms(model, [torch.randint(0, 1024, (8, 257)) for _ in range(16)])",
            status="note",
        ),
    ),
    valid=(
        Example("validation tokens", scored(_COLLECT, _TOP.format("val[:65792].view(-1, 257).split(8)"))),
        Example(
            "training tokens",
            scored(_COLLECT, _TOP.format('read("data/fineweb_train_0.bin")[:65792].view(-1, 257).split(8)')),
        ),
        Example(
            "statistics on random tokens are only printed",
            scored(_COLLECT, "\nprint(norms(model, [torch.randint(0, 1024, (8, 257))]))\n"),
        ),
    ),
)
