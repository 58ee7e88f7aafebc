"""``golf-audit frontier``: the leaderboard's rows that scores are compared with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import Group
from auditor.cli._options import challenge_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.evidence.frontier import Row
    from auditor.evidence.leaderboard import Entry, Scores
    from auditor.submission.git import Repository
    from auditor.submission.model import Submission

_LARGEST_README = 4_000_000  # bytes


@click.group(cls=Group)
def command() -> None:
    """Keep the leaderboard's rows that new scores are compared with."""


@command.command()
@click.option("--repo", required=True, metavar="GIT_DIR", type=click.Path(), help="The challenge's repository.")
@challenge_option
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write to FILE, not to the data of this installation.",
)
def update(repo: str, output: str | None) -> None:
    """Refresh the rows from the leaderboard in the README of main.

    Rows keep what is known of their seeds while their score stays; of new rows the seeds' scores are read from
    the record folder on main or from the pull request's head. Nothing is fetched.
    """
    from auditor.challenge import challenges
    from auditor.evidence import leaderboard, speedrun
    from auditor.evidence.frontier import data_file, load
    from auditor.submission.git import open_repository
    from auditor.submission.merged import merged
    from auditor.submission.model import Unread

    challenge = challenges().of("")
    known = load(challenge)
    try:
        repository = open_repository(repo)
        main = next(iter(repository.mains()), None)
        if main is None:
            raise click.ClickException(f"{repo}: no branch main or master")
        entry = repository.files(main).get("README.md")
        if entry is None:
            raise click.ClickException(f"{repo}: main holds no README.md")
        readme = repository.blob(entry.oid, _LARGEST_README).decode("utf-8", "replace")
        rows: Sequence[Row]
        if challenge.has("tracks.targets"):
            rows = speedrun.rows(readme, challenge, "README")
            changes = leaderboard.compared(known.rows, rows)
        else:
            entries = leaderboard.numbered(leaderboard.parse(readme), merged(repository, main))
            rows, changes = leaderboard.merge(known, entries, _finder(repository, repo, main))
        day = datetime.fromtimestamp(repository.when(main), UTC).date().isoformat()
    except leaderboard.NoLeaderboard as error:
        raise click.ClickException(f"{repo}: {error}") from None
    except Unread as error:
        raise click.ClickException(str(error)) from None
    source = f"leaderboard of {challenge.repository}, README.md of main at {main[:9]}"
    if any(row.status == "proposed" for row in rows):
        source += "; rows of #2146 are proposed"
    place = Path(output) if output else data_file(challenge)
    try:
        place.write_text(leaderboard.to_json(rows, source, day), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"can't write {place}: {error.strerror}") from None
    click.echo(f"{place}: {len(rows)} rows, leaderboard of {day}")
    for what, names in (("added", changes.added), ("changed", changes.changed), ("removed", changes.removed)):
        for name in names:
            click.echo(f"  {what}  {name}")


def _finder(repository: Repository, repo: str, main: str) -> Scores:
    """Return what looks up a row's scores by seed, their source and its folder."""
    from auditor.evidence.leaderboard import scores_in
    from auditor.evidence.read import read_evidence

    def find(entry: Entry) -> tuple[tuple[float, ...], str, str | None]:
        source = "" if entry.folder else "pull request "
        for submission in _candidates(repository, repo, main, entry):
            evidence = read_evidence(submission)
            scores, where = scores_in(evidence, entry.score)
            claimed = evidence.claims().val_bpb
            if scores or (claimed is not None and abs(claimed - entry.score) < 1e-3):
                return scores, source + where, submission.name
        return (), "", None

    return find


def _candidates(repository: Repository, repo: str, main: str, entry: Entry) -> Sequence[Submission]:
    """Return the submissions that may be a row's: its folder on main, else those of its pull request."""
    from auditor.challenge import default
    from auditor.submission.discover import describe
    from auditor.submission.git import git_tree
    from auditor.submission.history import read_git
    from auditor.submission.model import Unread

    challenge = default()
    track = next(track for track in challenge.tracks if track.kind == "record")
    place = f"{challenge.layout.archive}/{track.folder}/{entry.folder}"
    if entry.folder is not None and repository.folders_of(main, [place]):
        tree, problems = git_tree(repository, repository.files(main, place))
        return (describe(tree, given=repo, name=entry.folder, place=place, problems=problems),)
    if entry.likely is None:
        return ()
    try:
        return read_git(repo, pr=entry.likely)
    except Unread as error:
        # The row stands without its seeds; whoever updates should know that its pull request wasn't there.
        click.echo(f"{error}; the scores of its seeds stay unknown", err=True)
        return ()
