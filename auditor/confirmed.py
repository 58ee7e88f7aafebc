"""What is found once more where a setting in play is followed by itself.

All settings are followed at once, and what they make of one value is kept apart for tokens and constants, not for
everything that a value can be kept in. No run has two settings: what is found only because two of them met in one
value is found under none of them alone, and is no violation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Rule
from auditor.timeline import follow_alone
from auditor.timeline.events import Timeline

_ANY_VALUE = 1  # what no setting in play reaches; a log may show that it ran after all
_FIRST = {"log": 0, "command": 1}
_BECAUSE = "none of the settings in play leads to it where each is followed by itself"


class Alone:
    """The cases of one submission under one setting each, made when they are asked for."""

    def __init__(self, rules: Collection[Rule]) -> None:
        self._rules = [rule for rule in rules if rule.group == "compliance"]
        self._made: dict[tuple[int, int], tuple[Case, Case]] = {}  # the case as it was, too: its id stays its own

    def confirmed(self, rule: Rule, case: Case, found: Sequence[Finding]) -> Iterator[Finding]:
        """Yield what ``rule`` found in ``case``: a violation that no setting alone leads to is a note."""
        missing = {f for f in found if f.status == "violation" and f.line is not None}
        timeline = case.timeline
        if timeline is not None and timeline.switches:
            for bit in _bits(timeline):
                if missing:
                    missing -= self._seen(rule, case, found, missing, bit)
            for finding in found:
                if finding in missing:
                    finding = dataclasses.replace(finding, status="note", active=False, active_because=_BECAUSE)
                yield finding
        else:
            yield from found

    def _seen(
        self, rule: Rule, case: Case, found: Sequence[Finding], missing: Collection[Finding], bit: int
    ) -> frozenset[Finding]:
        """Return those of the violations that setting ``bit`` leads to, or for which it can't be said."""
        alone = self._under(case, bit)
        if bit != _ANY_VALUE and _stopped(case, alone):
            return frozenset(missing)
        again = [f for f in rule.check(alone) if f.status != "note"]
        places = {(f.path, f.line) for f in found}
        if any(f.status == "violation" and (f.path, f.line) not in places for f in again):
            return frozenset(missing)  # by itself it is told at another place
        seen = {(f.path, f.line) for f in again}
        for other in self._rules:  # which rule is broken at that place may hang on what was mixed
            if all((f.path, f.line) in seen for f in missing):
                break
            if other is not rule:
                seen |= {(f.path, f.line) for f in other.check(alone) if f.status != "note"}
        return frozenset(f for f in missing if (f.path, f.line) in seen)

    def _under(self, case: Case, bit: int) -> Case:
        key = id(case), bit
        if key not in self._made:
            assert case.timeline is not None and case.program is not None
            timeline = follow_alone(case.program, case.timeline, bit)
            self._made[key] = case, replace(case, timeline=timeline)
        return self._made[key][1]


def _bits(timeline: Timeline) -> Iterator[int]:
    """Yield the settings in play, those first by which a violation is seen soonest: what ran, what is documented."""
    numbered = enumerate(timeline.settings, start=1)
    for number, _ in sorted(numbered, key=lambda each: _FIRST.get(each[1].kind, len(_FIRST))):
        yield 1 << number
    yield _ANY_VALUE


def _stopped(case: Case, alone: Case) -> bool:
    """Return whether following one setting came less far than following them all."""
    assert case.timeline is not None and alone.timeline is not None
    known = {one.what for one in case.timeline.unfollowed}
    left = alone.timeline.unfollowed
    return alone.timeline.failure is not None or any(one.decisive and one.what not in known for one in left)
