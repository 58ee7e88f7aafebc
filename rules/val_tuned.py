"""Settings chosen by their score on the validation set, as the submission itself says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import on_line
from rules.evidence_examples import PLAIN
from rules.statements import says, statements

SLUG = "val-tuned"

_SEARCH = r"(?:sweep|swept|tuned|tuning|optimum|grid[- ]search(?:ed)?)"
_ON_A_DUMP = regex(rf"\b{_SEARCH}\b[^|]{{0,120}}\bdump(?:ed|s)?\b|\bdump(?:ed|s)?\b[^|]{{0,120}}\b{_SEARCH}\b", re.I)
# Fitting weights to the text is training on it, which is another rule's matter.
_WEIGHTS = regex(r"\bfine[- ]?tun\w*|\b(?:train|adapt|fit|optimi[sz])\w*\s+(?:\w+\s+){0,3}on\b", re.I)
_ON_VAL = regex(
    r"\b(?:tuned|swept|sweep|grid[- ]search(?:ed)?|selected|chosen|picked|searched)\b[^.|]{0,80}"
    r"\b(?:on|over|against|using|by|from)\s(?:the\s)?(?:full\s)?val(?:idation)?[ _-]"
    r"(?:set|tokens?|nll|data|split|stream)\b",
    re.I,
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for the first statement that settings were chosen on validation text."""
    if case.submission.lone:
        return
    for said in statements(case):
        match = says(_ON_A_DUMP, said.text) or says(_ON_VAL, said.text)
        if match is not None and not _WEIGHTS.search(said.text[max(0, match.start() - 12) : match.end()]):
            message = (
                f"The submission says that settings were searched on evaluation data ({match[0].strip()!r}): ask which "
                "text, and whether the scored tokens were among it."
            )
            yield on_line(SLUG, "hold", message, said.path, said.line)
            return


RULE = Rule(
    slug=SLUG,
    title="Settings tuned on the validation set",
    group="evidence",
    condition="C4",
    summary="README or metadata say that a gate, an order or weights were chosen by a sweep over dumped evaluation "
    "losses or over the validation set.",
    why="Choosing among settings by their loss on the scored text is choosing among passes over it: the score then "
    "says how well the best of many fits this text, not how well it predicts.",
    advice="Tune on held-out training shards, and say which.",
    counterpart="Settings chosen on a slice of the training data before the first look at the validation set.",
    authority=(
        Authority("#1991", "cocohearts", "2026-05", "audit", "the gate is tuned on validation data"),
        Authority("#2098", "cocohearts", "2026-05", "audit", "the gate chosen by a sweep on dumped distributions"),
    ),
    check=check,
    invalid=(
        Example(
            "a sweep over dumped losses",
            PLAIN,
            "An offline sweep",
            {"README.md": "# Mixer\n\nAn offline sweep of three thresholds on the dumped losses of seed 42.\n"},
            status="hold",
        ),
        Example(
            "a grid over the validation set",
            PLAIN,
            "grid-searched",
            {"README.md": "# Mixer\n\nThe order and the gate were grid-searched over the validation set.\n"},
            status="hold",
        ),
        Example(
            "said in the metadata",
            PLAIN,
            '"blurb"',
            {"submission.json": '{\n  "val_bpb": 1.1,\n  "blurb": "Thresholds tuned on val tokens, then frozen."\n}\n'},
            status="hold",
        ),
    ),
    valid=(
        Example(
            "tuned on training data",
            PLAIN,
            files={"README.md": "# Mixer\n\nThe gate was tuned on the last shard of training data.\n"},
        ),
        Example(
            "denied",
            PLAIN,
            files={"README.md": "# Mixer\n\nThe gate was not tuned on the validation set; see below.\n"},
        ),
        Example(
            "weights, not settings",
            PLAIN,
            files={"README.md": "# Model\n\nThe model is fine-tuned on the validation set before it is scored.\n"},
        ),
        Example("no README", PLAIN),
    ),
    known_problems="Only what the submission says is seen. A sweep that nobody mentions leaves no trace in the files.",
    stage="preview",
)
