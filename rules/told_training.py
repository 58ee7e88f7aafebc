"""Sentences by which a submission says that weights were fitted to validation text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.regex import regex
from auditor.submission.names import shown
from auditor.timeline.events import Adapt
from auditor.timeline.values.atoms import VAL
from rules.statements import says, statements

_TRAINED = regex(
    r"\b(?:fine[- ]?tun(?:ed|es|ing)|train(?:ed|s|ing)?|pre-?train(?:ed|ing)?|overfit(?:ted|ting)?)\b"
    r"(?P<between>[^.;|]{0,40}?)\bon\s(?:the\s)?(?:full\s|entire\s|whole\s)?(?:fineweb\s)?val(?:idation)?[ _-]?"
    r"(?:set|data|split|shards?|tokens|documents|docs)\b",
    re.I,
)
# Adaptation while scoring, measuring and tuning of settings are other matters.
_OTHER = regex(
    r"\b(?:test[- ]time|ttt|score[- ]first|already[- ]scored|after scoring|prefix|loss|eval\w*|measur\w*|tokenizer"
    r"|hyper\w*|gate|threshold|may|could|would|illegal|forbidden|disallowed|leak\w*|rule|if|instead|prevent\w*|avoid\w*)\b",
    re.I,
)


def told_training(case: Case, slug: str) -> Iterator[Finding]:
    """Yield a hold for the first sentence that says so, where the script doesn't adapt on validation tokens itself."""
    timeline = case.timeline
    if case.submission.lone or timeline is None:
        return
    if any(isinstance(e, Adapt) and e.kinds & VAL for e in timeline.events):
        return  # what the script does, or doesn't do where it is switched off, is told from the script
    for said in statements(case):
        match = says(_TRAINED, said.text)
        if match is not None and not _OTHER.search(said.text):
            message = (
                f'The submission says that weights were fitted to validation text ("{shown(match[0], 100)}"); the '
                "script doesn't show it: ask what the shipped weights or shards were trained on."
            )
            yield Finding(
                slug, "compliance", "hold", message, said.path, said.line, said.line, active=None,
                active_because="told in a document, not seen in the script",
            )  # fmt: skip
            return
