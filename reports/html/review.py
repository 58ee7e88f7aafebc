"""Reports as a page: verdicts, findings with code and the path of the data, claims against logs, curves, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auditor import catalogue
from auditor.finding import Finding, Verdict
from auditor.report import MeasuredRun, Report
from auditor.rule import Authority
from auditor.verdict import weigh, worst
from reports.citation import citations, overruled
from reports.comment import Form
from reports.excerpt import place
from reports.fixes import fixable
from reports.headline import against, facts
from reports.html.code import CodeFile, anchor, code_of
from reports.html.page import fill
from reports.html.plot import plots
from reports.links import finding_address, repository_of, ruling_address
from reports.schema import mean_bpb, std_bpb

_MOST_FINDINGS = 120
_MOST_STEPS = 60
_MOST_ITEMS = 400  # of notes, of what was not followed, of events
_GROUPS = ("compliance", "evidence", "package")
_UNKNOWN = "–"


@dataclass(frozen=True)
class StepView:
    """One step: where it is, the address of its line on the page (None: not shown there), and what happens."""

    place: str
    target: str | None
    note: str


@dataclass(frozen=True)
class FindingView:
    """One finding as the page shows it."""

    id: str
    word: str
    title: str
    finding: Finding
    place: str
    address: str | None
    target: str | None
    steps: tuple[StepView, ...]
    steps_left: int
    code: tuple[CodeFile, ...]
    citations: tuple[tuple[str, str | None, Authority | None], ...]
    counterpart: str
    overruled: str | None
    legal: bool
    fixable: str


@dataclass(frozen=True)
class Claim:
    """What is claimed beside what the logs show; ``agrees`` is None where one of the two is missing."""

    what: str
    claimed: str
    logged: str
    difference: str
    agrees: bool | None


def render(
    reports: Sequence[Report],
    *,
    timeline: bool = False,
    form: Form | None = None,
) -> str:
    """Return one page with all reports; ``timeline`` adds what each script does.

    ``form`` gives the auditor's templates, wording and links. Raises :class:`~reports.comment.TemplateFault` when a
    template of the user's can't be used.
    """
    form = form or Form()
    values = {
        "title": f"golf-audit: {reports[0].name}" if len(reports) == 1 else f"golf-audit: {len(reports)} submissions",
        "reviews": [_review(n, report, timeline, form) for n, report in enumerate(reports, 1)],
        "wording": form.wording,
    }
    return fill("review.html.j2", values, styles=("page.css",), scripts=("review.js",), templates=form.templates)


def _review(number: int, report: Report, timeline: bool, form: Form) -> dict[str, Any]:
    prefix = f"r{number}"
    at, words = repository_of(report, form.repository), form.wording
    ordered = sorted(report.findings, key=lambda f: (-weigh(f).severity, _GROUPS.index(f.group)))
    views = [_view(report, finding, f"{prefix}-f{n}", at) for n, finding in enumerate(ordered[:_MOST_FINDINGS], 1)]
    files = dict.fromkeys(size.part for size in report.sizes)
    return {
        "id": prefix,
        "report": report,
        "pull": f"{at or report.challenge.address}/pull/{report.pr}" if report.pr is not None else None,
        "means": str(words.of_verdict(report.verdict)),
        "recommendation": str(words.of_recommendation(report.recommendation)),
        "verdicts": [(group, getattr(report, group).value, _reasons(report, group)) for group in _GROUPS],
        "facts": facts(report),
        "baseline": against(report.baseline) if report.baseline is not None else None,
        "counted": [view for view in views if view.word != Verdict.CLEAN],
        "notes": [view for view in views if view.word == Verdict.CLEAN],
        "left": max(0, len(ordered) - _MOST_FINDINGS),
        "not_followed": [(place(item.path, item.line, item.layer), item) for item in report.not_followed[:_MOST_ITEMS]],
        "claims": claims(report),
        "runs": [_run(run) for run in report.runs],
        "mean": _number(mean_bpb(report.runs), ".5f"),
        "std": _number(std_bpb(report.runs), ".5f"),
        "plots": plots(report.curves),
        "sizes": [(part, [size for size in report.sizes if size.part == part]) for part in files],
        "cap": report.challenge.artifact.bytes if report.challenge.artifact is not None else None,
        "timeline": report.timeline[:_MOST_ITEMS] if timeline else (),
    }


def claims(report: Report) -> tuple[Claim, ...]:
    """Return what is claimed against what the logs show: score, seeds, artifact bytes."""
    mean = mean_bpb(report.runs)
    sizes = [run.artifact_bytes for run in report.runs if run.artifact_bytes is not None]
    seeds = sorted({run.seed for run in report.runs if run.seed is not None})
    claimed = report.claims
    rows = [_numbers("val_bpb (mean of the logs)", claimed.val_bpb, mean, ".5f", 0.0005)]
    rows.append(_numbers("artifact bytes (largest)", claimed.artifact_bytes, max(sizes, default=None), ",d", 0))
    said = sorted(set(claimed.seeds))
    agrees = said == seeds if said and seeds else None
    rows.append(Claim("seeds", _listed(said), _listed(seeds), "" if agrees is not False else "differ", agrees))
    return tuple(row for row in rows if (row.claimed, row.logged) != (_UNKNOWN, _UNKNOWN))


def _numbers(what: str, claimed: float | None, logged: float | None, form: str, slack: float) -> Claim:
    if claimed is None or logged is None:
        return Claim(what, _number(claimed, form), _number(logged, form), "", None)
    difference = logged - claimed
    shown = "none" if difference == 0 else f"{difference:+{form}}"
    return Claim(what, _number(claimed, form), _number(logged, form), shown, abs(difference) <= slack)


def _view(report: Report, finding: Finding, prefix: str, repository: str | None) -> FindingView:
    rule = catalogue.find(finding.rule)
    code = code_of(report, finding, prefix)
    shown = {line.anchor for file in code for line in file.lines}

    def target(path: str | None, layer: int, line: int | None) -> str | None:
        if path is None or line is None:
            return None
        mark = anchor(prefix, path, layer, line)
        return mark if mark in shown else None

    return FindingView(
        id=prefix,
        word=weigh(finding).value,
        title=rule.title if rule else "",
        finding=finding,
        place=place(finding.path, finding.line, finding.layer),
        address=finding_address(report, repository, finding) if finding.path is not None else None,
        target=target(finding.path, finding.layer, finding.line),
        steps=tuple(
            StepView(place(step.path, step.line, step.layer), target(step.path, step.layer, step.line), step.note)
            for step in finding.trace[:_MOST_STEPS]
        ),
        steps_left=max(0, len(finding.trace) - _MOST_STEPS),
        code=code,
        citations=tuple((ref, ruling_address(ref), source) for ref, source in citations(finding)),
        counterpart=rule.counterpart if rule else "",
        overruled=overruled(finding.overruled) if finding.overruled is not None else None,
        legal=rule is not None and rule.legal_reference,
        fixable=fixable(finding),
    )


def _reasons(report: Report, group: str) -> str:
    counted: dict[str, list[Verdict]] = {}
    for finding in report.findings:
        if finding.group == group and weigh(finding) is not Verdict.CLEAN:
            counted.setdefault(finding.rule, []).append(weigh(finding))
    ordered = sorted(counted.items(), key=lambda pair: -worst(pair[1]).severity)
    return ", ".join(f"{rule} ({worst(verdicts).value})" for rule, verdicts in ordered)


def _run(run: MeasuredRun) -> tuple[str, ...]:
    """Return a run's cells, in the order of the table's head."""
    return (
        run.log,
        _number(run.seed, "d"),
        _number(run.val_bpb, ".5f"),
        _number(run.val_loss, ".4f"),
        _number(run.artifact_bytes, ",d"),
        _number(run.train_seconds, ",.1f"),
        _number(run.eval_seconds, ",.1f"),
        _number(run.steps, ",d"),
        _number(run.world_size, "d"),
    )


def _number(value: float | None, form: str) -> str:
    return _UNKNOWN if value is None else f"{value:{form}}"


def _listed(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers)) or _UNKNOWN
