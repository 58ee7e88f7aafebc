"""A probe in sentences: what was shown, and how it stands to what the code shows."""

from __future__ import annotations

from auditor.probe.model import ProbeReport, Result

_BEHAVES = {
    "future": "behaves as if it knew the tokens that follow",
    "order": "behaves as if a token were scored again after it was learned from",
    "answer": "behaves as if it knew the token that it scores",
    "reported": "behaves as if its score were not the tokens' losses over their bytes",
}


def verdict_line(report: ProbeReport) -> str:
    """Return what follows from the experiments, in a sentence."""
    failed = [result for result in report.results if result.status == "FAIL"]
    if not failed:
        passed = [result.experiment for result in report.results if result.status == "PASS"]
        if not passed:
            return "nothing was shown"
        return f"nothing was shown against it; {', '.join(passed)} passed" + (
            f"; {_unseen(report)}" if _unseen(report) else ""
        )
    behaves = "; ".join(_BEHAVES[result.experiment] for result in failed)
    standing = report.compared.standing if report.compared is not None else {}
    if any(standing.get(result.experiment) != "explained" for result in failed):
        return f"HOLD: {behaves}; no finding of check explains that"
    assert report.compared is not None
    return f"{behaves}, as check finds: {', '.join(report.compared.findings)}"


def _unseen(report: ProbeReport) -> str:
    """Return what check finds and no experiment shows, empty where there is none."""
    if report.compared is None or not report.compared.findings:
        return ""
    names = [name for name, standing in report.compared.standing.items() if standing == "unseen"]
    return f"check finds {', '.join(report.compared.findings)}, which did not show at this size" if names else ""


def result_line(report: ProbeReport, result: Result) -> str:
    """Return a result's reason with its place, and how the static audit stands to it."""
    place = f" at {result.place}" if result.place else ""
    standing = report.compared.standing.get(result.experiment) if report.compared is not None else None
    beside = {
        "explained": "; check finds it, too",
        "unexplained": "; no finding of check explains it",
        "unseen": "; check finds a violation that did not show here",
    }.get(standing or "", "")
    return f"{result.reason}{place}{beside}"


def comment_line(report: ProbeReport) -> str:
    """Return a line for a review comment: each experiment's status, and what follows."""
    told = ", ".join(f"{result.experiment} {result.status}" for result in report.results)
    return f"{told}; {verdict_line(report)}"
