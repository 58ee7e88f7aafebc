"""``golf-audit fix``: changes that take findings away, as a diff or written to the files."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND, complain
from auditor.cli._config import Configured
from auditor.cli._inputs import Audits, input_options, read_rulings, rulings_option
from auditor.cli._options import color_option, slugs_option

if TYPE_CHECKING:
    from auditor.cli._inputs import Reader
    from auditor.finding import Finding
    from auditor.fix.change import Change
    from auditor.fix.plan import Plan
    from auditor.report import Report
    from auditor.rulings.model import Ruling
    from auditor.submission.model import Submission

_EXAMPLES = """\b
Examples:
  golf-audit fix records/track_10min_16mb/2026-04-01_Name
  golf-audit fix --write --select claim-mismatch,stale-command records/track_10min_16mb/2026-04-01_Name
  golf-audit fix --unsafe --select prequant-ttt --repo parameter-golf/.git --pr 348
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@input_options
@click.option("--diff", "mode", flag_value="diff", default="diff", help="Show a unified diff (the default).")
@click.option("--write", "mode", flag_value="write", help="Write the files, audit them again, and say what is gone.")
@slugs_option("--select", "Only changes that these rules offer (comma-separated).")
@slugs_option("--ignore", "No changes that these rules offer (comma-separated).")
@click.option("--unsafe", is_flag=True, help="Also changes of what the program does, which change the score.")
@click.option("--allow-dirty", is_flag=True, help="Write though git couldn't give back what was there.")
@rulings_option
@color_option
def command(
    readers: Sequence[tuple[str, Reader]],
    mode: str,
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    unsafe: bool,
    allow_dirty: bool,
    rulings: str | None,
    color: str,
) -> int:
    """Show, or write, the changes that take findings away.

    Each change is tried on a copy in memory and the audit run again: one that doesn't take its finding away, or adds
    another, is left out, with the reason. Safe changes keep what the program means, or correct a claim or a document;
    unsafe ones switch something off, and the score changes. Logs are never touched.

    The diff goes to standard output, what was made and left to standard error. Exit code 0: nothing to change, or
    all of it written; 1: a diff is shown, or a change couldn't be made; 2: wrong usage, unreadable input, files that
    changed meanwhile or that git couldn't give back; 3: internal error.
    """
    given: Sequence[str] = click.get_current_context().params.get("paths") or ()
    if mode == "write" and (not given or "-" in given):
        raise click.UsageError("--write needs a PATH: what is read otherwise can only be shown.")
    fixer = _Fixer(mode == "write", select, ignore or (), unsafe, allow_dirty, read_rulings(rulings), color)
    audits = Audits()
    for _ in audits.run(readers, fixer):
        pass
    return audits.exit_code(found=0) or (EXIT_FOUND if fixer.open else 0)


class _Fixer:
    """Plans the changes of one submission after the other, and shows or writes them."""

    def __init__(
        self,
        write: bool,
        select: tuple[str, ...] | None,
        ignore: tuple[str, ...],
        unsafe: bool,
        allow_dirty: bool,
        rulings: tuple[Ruling, ...],
        color: str,
    ) -> None:
        self.open = False  # something is shown that isn't written, or couldn't be made
        self._write, self._select, self._ignore, self._unsafe = write, select, ignore, unsafe
        self._allow_dirty, self._rulings, self._color = allow_dirty, rulings, color

    def __call__(self, submission: Submission) -> Report:
        from auditor.fix.plan import Wanted, plan

        found = plan(submission, self._audit, Wanted(self._select, self._ignore, self._unsafe))
        if self._write:
            self._written(submission, found)
        else:
            self._shown(submission, found)
        unsafe = sum(left.change.safety == "unsafe" and not self._unsafe for left in found.left)
        if unsafe:
            changes = "1 unsafe change is" if unsafe == 1 else f"{unsafe} unsafe changes are"
            complain(f"{submission.name}: {changes} left out; --unsafe shows what it is and what becomes of the score")
        return found.after

    def _audit(self, submission: Submission) -> Report:
        from auditor.check import audit

        return audit(submission, rulings=self._rulings)

    def _shown(self, submission: Submission, found: Plan) -> None:
        from auditor.fix.diff import unified
        from auditor.fix.plan import reader

        sys.stdout.write(_styled(unified(reader(submission), found.files, _prefix(submission)), self._color))
        sys.stdout.flush()
        self._tell(found, "would fix")
        self.open |= bool(found.files)

    def _written(self, submission: Submission, found: Plan) -> None:
        from auditor.fix.plan import reader
        from auditor.fix.write import Unwritten, uncommitted, write
        from auditor.submission.folder import FolderTree
        from auditor.submission.model import Unread

        tree = submission.tree
        if not isinstance(tree, FolderTree):
            raise Unread("--write needs a PATH: what is read from git objects can only be shown")
        if found.files and not self._allow_dirty:
            dirty = uncommitted(tree)
            if dirty:
                more = f" and {len(dirty) - 3} more" if len(dirty) > 3 else ""
                raise Unread(
                    f"git couldn't give back {', '.join(dirty[:3])}{more}: commit first, or write with --allow-dirty"
                )
        read = reader(submission)
        try:
            write(tree, found.files, {path: read(path) for path in found.files})
        except Unwritten as error:
            raise Unread(str(error)) from error
        for path in sorted(found.files):
            click.echo(f"wrote  {_visible(os.path.join(_prefix(submission), path))}")  # noqa: PTH118 (as the diff names it)
        self._tell(found, "fixed")
        if found.files:
            self._again(submission, found)

    def _again(self, submission: Submission, found: Plan) -> None:
        """Audit what now lies there, and say which findings are gone."""
        from auditor.reaudit.compare import compare
        from auditor.submission import read_path

        now = next((s for s in read_path(submission.given) if s.name == submission.name), None)
        if now is None:
            complain(f"{submission.name}: can't be found any more after writing")
            self.open = True
            return
        after = self._audit(now)
        for pair in compare(found.before, after).gone:
            if pair.then is not None:
                click.echo(f"gone   {_finding(pair.then)}")
        click.echo(
            f"{_visible(submission.name)}: {found.before.verdict.value} before, {after.verdict.value} now; "
            f"recommendation {after.recommendation.value}"
        )

    def _tell(self, found: Plan, word: str) -> None:
        for made in found.made:
            for finding in made.findings:
                complain(f"{word} {_finding(finding)}: {_change(made.change)}")
        for left in found.left:
            if left.change.safety == "unsafe" and not self._unsafe:
                continue
            self.open = True
            for finding in left.findings:
                complain(f"left {_finding(finding)}: {left.change.title}; {left.why}")
        if any(made.change.safety == "unsafe" for made in found.made):
            from auditor.fix.scores import what_is_left

            left_of = what_is_left(found.before, found.after)
            if left_of:
                complain(f"{_visible(found.before.name)}: {_visible(left_of)}")
        if not found.made and not found.left:
            asked = "no rule" if self._select is None and not self._ignore else "none of the rules asked for"
            complain(f"{found.before.name}: {asked} offers a change")


def _change(change: Change) -> str:
    return f"{change.title} ({change.safety})" + (f". {change.effect}" if change.effect else "")


def _finding(finding: Finding) -> str:
    from reports.excerpt import place

    return _visible(f"{finding.rule} {place(finding.path, finding.line, finding.layer)}".rstrip())


def _visible(text: str) -> str:
    from reports.escape import visible

    return visible(text)


def _prefix(submission: Submission) -> str:
    """Return where a submission's folder lies from here, for whoever applies the diff; "" where it lies elsewhere."""
    from auditor.submission.folder import FolderTree

    if not isinstance(submission.tree, FolderTree):
        return submission.folder or ""
    found = os.path.relpath(submission.tree.root)
    return "" if found == "." or found.startswith("..") else found


def _styled(diff: str, color: str) -> str:
    """Return the diff as it is, or for a terminal: in colour, and with what can't be seen made visible."""
    terminal = sys.stdout.isatty()
    if not terminal and color != "always":
        return diff
    colours = {"+": "green", "-": "red", "@": "cyan"}
    plain = color == "never" or bool(os.environ.get("NO_COLOR"))
    lines = []
    for line in diff.split("\n"):
        shown = "\t".join(_visible(part) for part in line.split("\t"))
        colour = colours.get(line[:1])
        lines.append(click.style(shown, fg=colour) if colour is not None and not plain else shown)
    return "\n".join(lines)
