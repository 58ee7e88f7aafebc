"""The sentences of our comments that an auditor may want to say otherwise."""

from __future__ import annotations

from pathlib import Path

import msgspec

from auditor.finding import Recommendation, Verdict
from auditor.rule import Weight
from auditor.toml import parse, read_text, typed
from reports.escape import Markdown


class Wording(msgspec.Struct, frozen=True):
    """Markdown by key. ``opening`` and ``closing`` are empty: room for whoever posts."""

    opening: str = ""
    closing: str = ""
    clean: str = "nothing was found against it"
    incomplete: str = "something that a record needs is missing"
    unreadable: str = "the script could not be read"
    hold: str = "a person has to decide"
    flag: str = "it breaks a rule"
    merge: str = "MERGE, pending the checks of a record"
    merge_non_record: str = "MERGE as non-record"
    close: str = "CLOSE"
    hold_advice: str = "HOLD"
    request_changes: str = "REQUEST CHANGES"
    official: str = "official"
    audit: str = "maintainer's audit note"
    community: str = "community view"
    unruled: str = "No maintainer has ruled on this; it is a view of the community."
    ruled_here: str = "A maintainer has ruled so on this pull request itself."
    limits: str = (
        "The code, its settings, the logs and the files were read; no score was recomputed. Data is followed from "
        "where it is read to where it is scored, under the script's defaults, the documented command and what the "
        "logs print."
    )
    unfollowed: str = (
        "What happens there decides whether the score counts: please name the line that does it, or write it out "
        "plainly; until then a reviewer has to read it."
    )
    thanks: str = "Thank you for the submission."
    correct: str = "If a line is misread, please say which in a reply: the audit is repeated, and errors are named."
    smoke: str = "That the script starts says nothing about its score."

    def of_verdict(self, verdict: Verdict) -> Markdown:
        """Return what a verdict means."""
        return Markdown(getattr(self, verdict.value.lower()))

    def of_recommendation(self, recommendation: Recommendation) -> Markdown:
        """Return what maintainers are advised to do."""
        name = recommendation.value.lower().replace("-", "_")
        return Markdown(getattr(self, "hold_advice" if name == "hold" else name))

    def of_weight(self, weight: Weight) -> Markdown:
        """Return the name of an authority's weight."""
        return Markdown(getattr(self, weight))


def read(path: Path) -> Wording:
    """Return the sentences that a TOML file gives, ours for the rest; raises :class:`~auditor.toml.Malformed`."""
    return typed(parse(read_text(path), path), Wording, str(path))
