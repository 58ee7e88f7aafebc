"""What is audited: the PATHs and options by which commands are told, and the audits one after the other."""

from __future__ import annotations

import functools
import os.path
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import EXIT_FOUND, EXIT_INTERNAL, EXIT_USAGE, complain, installable, report_internal
from auditor.cli._options import challenge_option
from auditor.cli._pulls import Pulls, pulls_option

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.rulings.model import Ruling
    from auditor.submission.model import Submission

    Reader = Callable[[], Sequence[Submission]]

_OPTIONS = (
    click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path()),
    click.option(
        "--repo",
        metavar="GIT_DIR|OWNER/NAME",
        type=click.Path(),
        help="Read from git objects, without a checkout; or, with --pr, from GitHub.",
    ),
    pulls_option("The head of a pull request of --repo: 1499, #1499, its address; several with commas, or repeated."),
    click.option("--rev", metavar="REV", help="With --repo: a branch, tag or other revision."),
    click.option("--sha", metavar="SHA", help="With --repo: this commit (of the pull request, when --pr is given)."),
    click.option("--all", "everything", is_flag=True, help="Every record folder below each PATH."),
    challenge_option,
)

rulings_option = click.option(
    "--rulings",
    metavar="FILE",
    type=click.Path(),
    help="Findings that were overruled: TOML, with who, when, where and until when.",
)


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command PATH..., --all, --repo, --pr, --rev, --sha and --challenge; it gets them as ``readers``."""

    @functools.wraps(command)
    def wrapped(
        paths: tuple[str, ...],
        repo: str | None,
        pr: Pulls,
        rev: str | None,
        sha: str | None,
        everything: bool,
        **others: Any,
    ) -> Any:
        return command(readers=_readers(paths, repo, pr, rev, sha, everything), **others)

    return functools.reduce(lambda function, option: option(function), reversed(_OPTIONS), wrapped)


def _readers(
    paths: tuple[str, ...], repo: str | None, pr: Pulls, rev: str | None, sha: str | None, everything: bool
) -> list[tuple[str, Reader]]:
    """Return what reads each input, by the name that the user gave it; raises a usage error."""
    repo = repository(repo, pr)
    if paths and repo:
        raise click.UsageError("Give PATHs or --repo, not both.")
    if not repo and (pr or rev or sha):
        raise click.UsageError("--pr, --rev and --sha need --repo.")
    if not paths and not repo:
        raise click.UsageError("Nothing to check: give a PATH, or --repo with --pr, --rev or --sha.")
    if repo and not (pr or rev or sha):
        raise click.UsageError("--repo needs --pr, --rev or --sha.")
    if len(pr.numbers) > 1 and (rev or sha):
        raise click.UsageError("--rev and --sha go with one pull request, not with several.")
    if everything and (repo or "-" in paths):
        raise click.UsageError("--all goes with folders.")
    if repo:
        wanted: tuple[int | None, ...] = pr.numbers or (None,)
        many = len(wanted) > 1
        return [(f"{repo} #{n}" if many else repo, _from_git(repo, n, rev, sha)) for n in wanted]
    if not everything:
        return [(path, _from_path(path)) for path in paths]
    return [(folder, _from_path(folder)) for path in paths for folder in _below(path)]


def repository(repo: str | None, pr: Pulls) -> str | None:
    """Return where pull requests are read: --repo, else the repository that an address of --pr names."""
    if pr.repository is None or (repo is not None and not _on_github(repo)):
        return repo
    if repo is not None and repo.lower() != pr.repository.lower():
        raise click.UsageError(f"--repo is {repo}, but --pr is of {pr.repository}.")
    return pr.repository


def _from_path(path: str) -> Reader:
    def read() -> Sequence[Submission]:
        if path == "-":
            from auditor.submission import typed

            return typed.read_script(sys.stdin.buffer.read(typed.most()))
        from auditor import submission

        return submission.read_path(path)

    return read


def _from_git(repo: str, pr: int | None, rev: str | None, sha: str | None) -> Reader:
    def read() -> Sequence[Submission]:
        if pr is not None and not rev and not sha and _on_github(repo):
            from auditor.github.source import read_github

            return read_github(repo, pr, complain)
        from auditor import submission

        return submission.read_git(repo, pr=pr, rev=rev, sha=sha)

    return read


def _below(path: str) -> Sequence[str]:
    from auditor.submission.below import folders_below
    from auditor.submission.model import Unread

    try:
        return folders_below(path)
    except Unread as error:
        raise click.ClickException(str(error)) from None


def _on_github(repo: str) -> bool:
    """Tell whether --repo names a repository on GitHub: nothing lies here under that name."""
    from auditor.github.name import is_name

    return is_name(repo) and not os.path.lexists(repo)


def read_rulings(path: str | None) -> tuple[Ruling, ...]:
    """Return the rulings in force in a file (none without a file); expired ones are told on standard error."""
    if path is None:
        return ()
    from auditor import catalogue
    from auditor.rulings.file import read
    from auditor.toml import Malformed

    try:
        rulings = read(Path(path), [rule.slug for rule in catalogue.load()])
    except Malformed as error:
        raise click.ClickException(str(error)) from None
    for line in rulings.expired:
        complain(f"warning: {line}")
    return rulings.in_force


class Audits:
    """Audits one input after the other and remembers what the exit code must say."""

    def __init__(self) -> None:
        self._found = self._unread = self._failed = False

    def run(self, readers: Sequence[tuple[str, Reader]], judge: Callable[[Submission], Report]) -> Iterator[Report]:
        """Yield a report per submission; what can't be read or audited is told on standard error."""
        from auditor.github.refused import Refused
        from auditor.submission.model import Unread

        for given, read in readers:
            where = ""  # a PATH that can't be read is named by the error itself
            try:
                submissions = read()
                where = f"{given}: "
                for submission in submissions:
                    report = judge(submission)
                    self._found |= report.calls
                    for failure in report.failures:
                        # A defect of ours spoils a part of this report only, and the exit code says so.
                        self._failed = True
                        report_internal(failure.error, given)
                    yield report
            except (Unread, Refused) as error:
                self._unread = True
                told = str(error)
                complain(installable(told if told.startswith(given) else f"{where}{told}"))
            except Exception as error:
                # A defect of ours spoils this input only, and the exit code says so.
                self._failed = True
                report_internal(error, given)

    def exit_code(self, *, found: int = EXIT_FOUND) -> int:
        """Return 3, 2, ``found`` or 0: the worst that happened."""
        if self._failed:
            return EXIT_INTERNAL
        if self._unread:
            return EXIT_USAGE
        return found if self._found else 0
