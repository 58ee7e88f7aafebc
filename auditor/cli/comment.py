"""``golf-audit comment``: audit a pull request on GitHub and comment on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from msgspec import Struct

from auditor.cli import EXIT_FOUND, EXIT_INTERNAL, complain, report_internal
from auditor.cli._beside import beside_options, read_smoke, same_lines
from auditor.cli._config import Configured
from auditor.cli._form import form_options
from auditor.cli._inputs import read_rulings, rulings_option
from auditor.cli._options import challenge_option
from auditor.cli._pulls import Pulls, one, pulls_option

if TYPE_CHECKING:
    from auditor.github.client import Api
    from auditor.github.pull import Pull
    from auditor.report import Report
    from auditor.smoke.model import Step
    from auditor.submission.model import Submission
    from reports.comment import Form

_EXAMPLES = """\b
Examples:
  golf-audit comment --repo openai/parameter-golf --pr 1234
  golf-audit comment --repo openai/parameter-golf --pr 1234 --post --label
  golf-audit comment --repo openai/parameter-golf --pr 1234 --git-dir parameter-golf/.git
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@challenge_option
@click.option("--repo", "repository", metavar="OWNER/NAME", help="The repository on GitHub.")
@pulls_option("The pull request: 1499, #1499, or its address, which names the repository as well.", required=True)
@click.option("--post", is_flag=True, help="Create the comment, or update our earlier one. Without it: only show it.")
@click.option("--label", is_flag=True, help="With --post: also label the pull request with the verdict.")
@click.option(
    "--check-run", is_flag=True, help="With --post: also add a check run with annotations (for a GitHub App)."
)
@click.option(
    "--base-url",
    metavar="URL",
    envvar="GITHUB_API_URL",
    default="https://api.github.com",
    show_default=True,
    help="The API; of GitHub Enterprise: https://HOST/api/v3.",
)
@click.option(
    "--git-dir",
    "repo",  # Configured takes no configuration from what is audited, which it knows by this name
    metavar="GIT_DIR",
    type=click.Path(),
    help="Read the files from this clone; without --post, GitHub isn't asked at all.",
)
@beside_options
@rulings_option
@form_options
@click.option("--fixes", is_flag=True, help="Also suggest the changes that take findings away, each tried first.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even when something is reported.")
def command(
    repository: str | None,
    pr: Pulls,
    post: bool,
    label: bool,
    check_run: bool,
    base_url: str,
    repo: str | None,
    smoke: str | None,
    results: str | None,
    rulings: str | None,
    comment_form: Callable[[], Form],
    fixes: bool,
    exit_zero: bool,
) -> int:
    """Audit a pull request on GitHub and show the review comment; --post posts it.

    Our earlier comment, known by a hidden mark and our login, is updated in its place. The token comes from
    GH_TOKEN or GITHUB_TOKEN, else from gh auth token, and is never shown. Needs golf-audit[github].

    Exit codes as of golf-audit check; 2 also when GitHub refuses.
    """
    from auditor.check import audit
    from auditor.github.name import is_name
    from auditor.github.refused import Refused
    from auditor.submission.model import Unread

    number = one(pr)
    assert number is not None
    repository = repository or pr.repository
    if repository is None:
        raise click.UsageError("Give --repo OWNER/NAME, or the address of the pull request as --pr.")
    if pr.repository is not None and pr.repository.lower() != repository.lower():
        raise click.UsageError(f"--repo is {repository}, but --pr is of {pr.repository}.")
    if not is_name(repository):
        raise click.UsageError("--repo isn't OWNER/NAME, such as openai/parameter-golf.")
    tested, same = read_smoke(smoke), same_lines(results)
    ruled = read_rulings(rulings)
    form = comment_form()
    try:
        pull, api, submissions = _read(repository, number, base_url, repo, post)
        reports = [audit(submission, rulings=ruled) for submission in submissions]
        if fixes:
            from auditor.fix.offer import with_changes

            reports = [
                with_changes(report, submission, lambda changed: audit(changed, rulings=ruled))
                for report, submission in zip(reports, submissions, strict=True)
            ]
        failures = [failure for report in reports for failure in report.failures]
        for failure in failures:
            report_internal(failure.error, f"pull request {number}")
        address = form.repository or _address(base_url, pull.repository if pull is not None else repository)
        comment = _Comment(reports, dataclasses.replace(form, repository=address), label, check_run, tested, same)
        if post:
            assert pull is not None
            assert api is not None
            comment.post(api, pull)
        else:
            comment.show()
    except (Refused, Unread) as error:
        raise click.ClickException(str(error)) from None
    if failures:
        return EXIT_INTERNAL
    return EXIT_FOUND if not exit_zero and any(report.calls for report in reports) else 0


def _read(
    repository: str, number: int, base_url: str, git_dir: str | None, post: bool
) -> tuple[Pull | None, Api | None, Sequence[Submission]]:
    """Return the pull request and GitHub's API (None where GitHub isn't asked), and the submissions in it."""
    from auditor.submission import read_git

    if git_dir is not None and not post:
        return None, None, read_git(git_dir, pr=number)
    from auditor.github.client import connect
    from auditor.github.pull import read_pull, read_submissions
    from auditor.github.token import check_base_url, find_token
    from auditor.submission.git import open_repository

    address = check_base_url(base_url)
    token = find_token(address)
    if post and token is None:
        raise click.ClickException("--post needs a token: set GH_TOKEN or GITHUB_TOKEN, or run gh auth login")
    api = connect(address, token, complain)
    pull = read_pull(api, repository, number)
    complain(f"{pull} at {pull.head[:12]}: {pull.title}")
    if pull.repository.lower() != repository.lower():
        complain(f"{repository} is now called {pull.repository}")
    if git_dir is None:
        return pull, api, read_submissions(api, pull)
    # The head that GitHub has now, not the one that was fetched some day.
    if open_repository(git_dir).commit(pull.head) is None:
        fetch = f"git fetch origin pull/{number}/head:refs/pull/{number}/head"
        raise click.ClickException(f"{git_dir} lacks the head {pull.head[:12]} of {pull}; fetch it with `{fetch}`")
    return pull, api, read_git(git_dir, pr=number, sha=pull.head)


def _address(base_url: str, repository: str) -> str:
    """Return where people see the repository whose API is at ``base_url``."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}/{repository}"


class _Comment(Struct, frozen=True):
    """What is to be said of one pull request, and in which ways."""

    reports: Sequence[Report]
    form: Form
    label: bool
    check_run: bool
    smoke: Mapping[str, tuple[Step, ...]]
    alike: Callable[[Report], Mapping[int, Sequence[int]]]

    def show(self) -> None:
        """Write the comment to standard output, and what else would be posted to standard error."""
        from auditor.github.annotations import annotate, conclusion

        click.echo(self._body(), nl=False)
        if self.label:
            complain(f"--post would label it {self._label()!r}")
        if self.check_run:
            count = len(annotate(self.reports))
            complain(f"--post would add a check run: {conclusion(self.reports)}, {count} annotations")
        complain("nothing was posted; --post posts it")

    def post(self, api: Api, pull: Pull) -> None:
        """Write to GitHub, and each thing's address to standard output."""
        from auditor.github.annotations import annotate, conclusion
        from auditor.github.post import add_check_run, check_head, post_comment, set_label

        body = self._body()
        check_head(api, pull)
        posted = post_comment(api, pull, body)
        click.echo(f"comment {posted.done}: {posted.url}")
        if self.label:
            set_label(api, pull, self._label())
            click.echo(f"labelled: {self._label()}")
        if self.check_run:
            said = conclusion(self.reports)
            address = add_check_run(api, pull, said, self._summary(), annotate(self.reports))
            click.echo(f"check run added ({said}): {address}")

    def _body(self) -> str:
        from auditor.github.body import ROOM, marked
        from reports.comment import TemplateFault
        from reports.pull import comment_on

        try:
            return marked(comment_on(self.reports, self.form, smoke=self.smoke, alike=self.alike, room=ROOM))
        except TemplateFault as error:
            raise click.ClickException(str(error)) from None

    def _label(self) -> str:
        from auditor.github.post import label_for
        from auditor.verdict import worst

        return label_for(worst(report.verdict for report in self.reports))

    def _summary(self) -> str:
        from reports.escape import code

        lines = [f"- {code(r.name)}: **{r.verdict.value}**, {r.recommendation.value}" for r in self.reports]
        return "\n".join(lines)
