"""Counts over several reports, as ``check --statistics`` prints them."""

from __future__ import annotations

from collections import Counter

from auditor.finding import Verdict
from auditor.report import Report
from auditor.verdict import weigh
from reports.escape import visible
from reports.text import Style


class Counts:
    """Counts verdicts, and per rule the findings that count and the submissions that have them."""

    def __init__(self) -> None:
        self._verdicts: Counter[Verdict] = Counter()
        self._findings: Counter[tuple[str, Verdict]] = Counter()
        self._submissions: Counter[tuple[str, Verdict]] = Counter()

    def add(self, report: Report) -> None:
        """Count one report."""
        self._verdicts[report.verdict] += 1
        found = [(f.rule, weigh(f)) for f in report.findings if weigh(f) is not Verdict.CLEAN]
        self._findings.update(found)
        self._submissions.update(set(found))

    def render(self, style: Style) -> str:
        """Return the counts as lines, the most frequent rule first."""
        worst = sorted(self._verdicts, key=lambda verdict: -verdict.severity)
        lines = [f"{sum(self._verdicts.values()):>6}  submission{'s' if self._verdicts.total() != 1 else ''}"]
        lines += [f"{self._verdicts[verdict]:>6}  {style.word(verdict)}" for verdict in worst]
        if self._findings:
            lines += ["", f"{style.strong('findings')}  submissions"]
        for (rule, verdict), count in sorted(self._findings.items(), key=lambda item: (-item[1], item[0])):
            name = style.rule(visible(rule))
            lines.append(f"{count:>8}  {self._submissions[rule, verdict]:>11}  {style.word(verdict)}  {name}")
        return "\n".join(lines) + "\n"
