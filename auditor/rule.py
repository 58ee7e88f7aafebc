"""What a rule is. Each rule lives in one file of the top-level package ``rules`` as ``RULE``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from auditor.finding import Finding, Group, Level, Status

if TYPE_CHECKING:
    from auditor.case import Case
    from auditor.fix.change import Change

Condition = Literal["C1", "C2", "C3", "C4", "budget", "data", "metric", "package", "statistics"]
Weight = Literal["official", "audit", "community"]


class Authority(Struct, frozen=True):
    """Who ruled, where and when; ``weight`` tells a maintainer's ruling from an audit note and from a view.

    ``ref`` is what a report cites: ``#462`` (a pull request or issue of openai/parameter-golf) or ``README``.
    """

    ref: str
    who: str
    when: str
    weight: Weight
    said: str


class Example(Struct, frozen=True):
    """A small submission: one script (or several files), and the line that a finding must point at.

    ``code`` is empty where no script lies in the folder. ``line`` is a piece of text that occurs in exactly one line of
    ``code`` (or of the one of ``files`` that the finding is in); None for VALID examples, and where a finding has no
    line. ``status`` is what the rule makes of an INVALID example. ``outside`` are the files that the diff touches
    outside the folder; None: no diff is known.
    """

    title: str
    code: str
    line: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    status: Status = "violation"
    outside: tuple[str, ...] | None = None
    name: str | None = None  # of the record folder, where the rule looks at it
    track: str | None = None  # the folder of the track, where it is not the challenge's first


class Rule(Struct, frozen=True):
    """One rule of the challenge: what it says, who says so, and the check itself.

    ``summary``, ``why``, ``known_problems``, ``counterpart`` and ``advice`` are Markdown-free sentences that
    reports and ``golf-audit explain`` quote. ``check`` yields findings; it is a pure function of the case.
    ``fix`` offers a change against one of its findings, or None; it is cheap, for the audit asks it for each of them.
    ``severity`` and ``confidence`` are those of its findings (None: as :mod:`auditor.grade` has it by condition and
    status).
    """

    slug: str
    title: str
    group: Group
    condition: Condition
    summary: str
    why: str
    advice: str
    counterpart: str
    authority: tuple[Authority, ...]
    check: Callable[[Case], Iterable[Finding]]
    invalid: tuple[Example, ...] = ()
    valid: tuple[Example, ...] = ()
    known_problems: str = ""
    stage: Literal["preview", "stable"] = "stable"
    needs: tuple[str, ...] = ()  # what of the challenge's data it can't do without, as Challenge.has takes it
    challenge: str = "parameter-golf"  # whose rule it is; another one has to rule it, see auditor.catalogue.applied
    legal_reference: bool = False  # recognises a legal pattern and reports it as a note
    severity: Level | None = None
    confidence: Level | None = None
    fix: Callable[[Case, Finding], Change | None] | None = None
