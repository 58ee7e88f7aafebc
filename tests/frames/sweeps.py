"""A sweep's results to look at: rows of our own examples, under numbers, days and authors of our own making."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "records" / "track_10min_16mb"
_AUTHORS = ("ada", "barbara", "claude", None)


@cache
def reports() -> tuple[dict[str, Any], ...]:
    """Return the reports on our examples."""
    from auditor.check import audit
    from auditor.submission import read_path
    from reports.schema import to_json

    places = sorted(place for place in EXAMPLES.iterdir() if place.is_dir())
    return tuple(dict(to_json(audit(read_path(str(place))[0]))) for place in places)


def results(path: Path, count: int = 40) -> Path:
    """Write results of ``count`` pull requests, three days apart, whose scores fall slowly; and one that failed."""
    begun = datetime(2026, 3, 2, tzinfo=UTC)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        report = reports()[number % len(reports())]
        score = 1.2 - number / 400 + (0.02 if number % 3 else 0.0)
        report = {**report, "measured": {**report["measured"], "mean_val_bpb": score}}
        when = int((begun + timedelta(days=number / 2)).timestamp())
        author = _AUTHORS[number % len(_AUTHORS)]
        rows.append({"pr": number + 1, "sha": f"{number:040d}", "when": when, "author": author, "submissions": 1,
                     "seconds": 0.1, "cached": False, "report": report, "code": {}})  # fmt: skip
    rows.append({"pr": count + 1, "submissions": 1, "error": "not done after 120 s", "kind": "timeout"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
