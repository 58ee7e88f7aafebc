"""What a sweep found, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles

from auditor.sweep.work import Row


@dataclass(frozen=True)
class Summary:
    """Counts over the rows of a sweep; ``seconds`` are of audits that weren't cached.

    ``rules`` counts submissions with an active violation, hold or gap of each rule, most frequent first.
    """

    pull_requests: int
    submissions: int
    cached: int
    verdicts: Mapping[str, int]
    rules: Mapping[str, int]
    errors: Mapping[str, int]
    seconds_total: float
    seconds_median: float
    seconds_p95: float
    seconds_max: float


def summarise(rows: Iterable[Row]) -> Summary:
    """Return the counts over a sweep's rows."""
    prs: set[int] = set()
    verdicts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    seconds: list[float] = []
    submissions = cached = 0
    for row in rows:
        prs.add(row["pr"])
        if "error" in row:
            errors[str(row.get("kind", "error"))] += 1
            continue
        if "failed" in row:
            errors["internal"] += 1
        submissions += 1
        report = row["report"]
        verdicts[report["verdict"]] += 1
        found = {f["rule"] for f in report.get("findings", ()) if f["status"] != "note"}
        rules.update(found)
        if row.get("cached"):
            cached += 1
        else:
            seconds.append(float(row["seconds"]))
    return Summary(
        pull_requests=len(prs),
        submissions=submissions,
        cached=cached,
        verdicts=dict(verdicts.most_common()),
        rules=dict(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
        errors=dict(errors.most_common()),
        seconds_total=sum(seconds),
        seconds_median=median(seconds) if seconds else 0.0,
        seconds_p95=quantiles(seconds, n=20)[-1] if len(seconds) > 1 else sum(seconds),
        seconds_max=max(seconds, default=0.0),
    )
