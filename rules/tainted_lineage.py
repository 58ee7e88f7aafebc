"""Submissions that say they build on work whose way of scoring was ruled out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import on_line
from rules.evidence_examples import PLAIN
from rules.ruled_out import RULED_OUT
from rules.statements import says, statements

SLUG = "tainted-lineage"

_PARENT = regex(
    r"\b(?:based (?:directly )?on|built (?:directly )?(?:on|upon|from)|builds (?:directly )?(?:on|upon)|on top of|"
    r"fork(?:ed)? (?:of|from)|inherit\w* from|derived from|identical to)\b[^.|]{0,40}?(?:\bPR ?#?|/pull/|#)(\d{2,4})\b",
    re.IGNORECASE,
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for each parent, as the submission names it, that was ruled out."""
    if case.submission.lone:
        return
    seen: set[int] = set()
    for said in statements(case):
        match = says(_PARENT, said.text)
        if match is None:
            continue
        number = int(match[1])
        family = RULED_OUT.get(number)
        if family is None or number in seen or number == case.submission.pr:
            continue
        seen.add(number)
        message = (
            f"The submission says that it builds on #{number}, which was ruled out ({family}). Whether the same path "
            "is still there is for a reviewer to see, beside what the rules on the code find."
        )
        yield on_line(SLUG, "hold", message, said.path, said.line, group="package")


RULE = Rule(
    slug=SLUG,
    title="Builds on work that was ruled out",
    group="package",
    condition="package",
    summary="README or metadata name a pull request as the base whose way of scoring a maintainer ruled out.",
    why="A ruling goes for what is copied too: what made the parent's score invalid is in the child unless it was "
    "taken out.",
    advice="Take the path out and say so in the README, with the line where it was.",
    counterpart="#1851, which builds on #1797, repairs what was wrong with it and names the repair.",
    authority=(
        Authority("#548", "valerio-oai", "2026-03", "official", "adaptation inherited from a pull request ruled out"),
        Authority("#595", "valerio-oai", "2026-03", "official", "uses the adaptation of #442"),
        Authority("#824", "valerio-oai", "2026-03", "official", "based on hashed n-gram caches"),
    ),
    check=check,
    invalid=(
        Example(
            "said in the README",
            PLAIN,
            "Built on PR #720",
            {"README.md": "# Faster caches\n\nBuilt on PR #720, with other widths.\n"},
            status="hold",
        ),
        Example(
            "as a link",
            PLAIN,
            "on top of",
            {"README.md": "# More epochs\n\nTwo changes on top of [#518](https://example.org/pull/518).\n"},
            status="hold",
        ),
        Example(
            "said in the metadata",
            PLAIN,
            '"blurb"',
            {"submission.json": '{\n  "val_bpb": 1.1,\n  "blurb": "Based on PR #611 with a wider gate."\n}\n'},
            status="hold",
        ),
    ),
    valid=(
        Example("an accepted parent", PLAIN, files={"README.md": "# More depth\n\nBuilt on PR #1394.\n"}),
        Example(
            "a parent that was only compared with",
            PLAIN,
            files={"README.md": "# Comparison\n\nLower than #720, and not based on #720.\n"},
        ),
        Example("no README", PLAIN),
    ),
    known_problems="Copied code that nobody mentions is not seen here; the rules on the code find the path itself.",
    stage="preview",
)
