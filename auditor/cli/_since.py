"""``check --since``: the earlier head, or the earlier report, that an audit is put beside."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

import click

from auditor.cli._inputs import repository
from auditor.cli._pulls import Pulls
from auditor.regex import regex

if TYPE_CHECKING:
    from auditor.reaudit.model import ReAudit
    from auditor.report import Report
    from auditor.submission.model import Submission
    from reports.comment import Form
    from reports.text import Style

_Audits: TypeAlias = "Iterator[tuple[Report, ReAudit]]"
_SHA = regex(r"[0-9a-fA-F]{4,64}")


class Since:
    """Puts reports beside what was there, or was said, earlier.

    ``since`` is a commit or a file of earlier reports, ``judge`` what makes the reports of today. An earlier head
    is read from the command's --repo, else from the checkout that the PATH lies in.
    """

    def __init__(self, since: str, judge: Callable[[Submission], Report]) -> None:
        self._since, self._judge = since, judge
        given = click.get_current_context().params
        self._pulls: Pulls = given.get("pr") or Pulls()
        self._repo: str | None = repository(given.get("repo"), self._pulls)
        self._pr: int | None = None  # of the submission at hand
        self._said: tuple[Report, ...] | None = None
        if Path(since).is_file():
            self._said = _read(Path(since))
        elif not _SHA.fullmatch(since):
            raise click.UsageError(f"--since {since}: neither a file nor a commit; give a report in JSON or a SHA.")

    def of(self, report: Report) -> ReAudit:
        """Return what changed in one submission; raises :class:`~auditor.submission.model.Unread`."""
        from auditor.reaudit.compare import from_what_was_said, re_audit
        from auditor.submission.model import Unread

        alone = self._pulls.numbers[0] if len(self._pulls.numbers) == 1 else None
        self._pr = report.pr if report.pr is not None else alone
        if self._said is None:
            before = self._pick([self._judge(each) for each in self._earlier(report, self._since)], report)
            return re_audit(report, before)
        said = self._pick(self._said, report)
        if said.sha is None:
            return from_what_was_said(report, said)
        try:
            earlier = self._earlier(report, said.sha)
        except Unread:
            return from_what_was_said(report, said)  # the comment says that the code wasn't at hand
        return re_audit(report, self._pick([self._judge(each) for each in earlier], report), said)

    def _earlier(self, report: Report, sha: str) -> Sequence[Submission]:
        from auditor.submission import read_git
        from auditor.submission.git import checkout_root
        from auditor.submission.model import Unread

        repo = self._repo or checkout_root(os.path.realpath(report.submission))
        if repo is None:
            raise Unread(f"--since {sha}: {report.submission} lies in no git checkout; give --repo, or a report")
        return read_git(repo, pr=self._pr, sha=sha)

    def _pick(self, candidates: Sequence[Report], report: Report) -> Report:
        """Return the candidate that is about the same submission: of its name, or the only one of its history.

        A pull request may have renamed its folder since; a report about another submission is refused.
        """
        from auditor.submission.model import Unread

        own = [each for each in candidates if each.pr is None or report.pr is None or each.pr == report.pr]
        named = [each for each in own if each.name == report.name]
        if len(named) == 1:
            return named[0]
        renamed = self._said is None or (report.pr is not None and own[:1] and own[0].pr == report.pr)
        if len(own) == 1 and renamed:
            return own[0]
        there = ", ".join(f"{each.name} (#{each.pr})" if each.pr else each.name for each in candidates[:5]) or "none"
        mine = f"{report.name} (#{report.pr})" if report.pr else report.name
        raise Unread(f"--since {self._since}: it is about another submission than {mine}; there: {there}")


def write(
    reports: Iterator[Report], since: Since, stream: TextIO, form: str, comment_form: Callable[[], Form], style: Style
) -> None:
    """Write ``reports`` beside what was earlier, as text, JSON or Markdown."""
    from auditor.submission.model import Unread

    if form not in _WRITERS:
        raise click.UsageError(f"--since goes with --format {', '.join(_WRITERS)}, not {form}.")
    try:
        _WRITERS[form](((report, since.of(report)) for report in reports), stream, comment_form, style)
    except Unread as error:
        raise click.ClickException(str(error)) from None


def _json(audits: _Audits, stream: TextIO, comment_form: Callable[[], Form], style: Style) -> None:
    import json

    from reports.reaudit import as_json
    from reports.schema import document, to_json

    told = [to_json(report) | {"since": as_json(audit)} for report, audit in audits]
    json.dump(document(told), stream, indent=2)
    stream.write("\n")


def _markdown(audits: _Audits, stream: TextIO, comment_form: Callable[[], Form], style: Style) -> None:
    from reports.comment import TemplateFault
    from reports.reaudit import render

    form = comment_form()
    for number, (_, audit) in enumerate(audits):
        try:
            text = render(audit, form)
        except TemplateFault as error:
            raise click.ClickException(str(error)) from None
        stream.write(("\n---\n\n" if number else "") + text)


def _text(audits: _Audits, stream: TextIO, comment_form: Callable[[], Form], style: Style) -> None:
    from reports.reaudit import as_text
    from reports.text import render

    for number, (report, audit) in enumerate(audits):
        stream.write(("\n" if number else "") + render(report, style) + "\n" + as_text(audit, style))


_WRITERS = {"text": _text, "json": _json, "markdown": _markdown}


def _read(path: Path) -> tuple[Report, ...]:
    from auditor.reaudit.earlier import read
    from auditor.toml import Malformed

    try:
        return read(path)
    except Malformed as error:
        raise click.ClickException(f"--since {error}") from None
