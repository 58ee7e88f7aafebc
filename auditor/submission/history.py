"""Reading submissions from a repository's commits: what a pull request adds, against the main branch."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from msgspec import Struct

from auditor.challenge import challenges
from auditor.challenge.places import in_archive
from auditor.submission.discover import (
    NO_FOLDER,
    describe,
    holds_a_program,
    holds_a_trainer,
    holds_anything,
    track_folder,
    units,
)
from auditor.submission.git import Entry, Objects, Repository, git_tree, open_repository
from auditor.submission.model import Submission, Tree, Unread
from auditor.submission.names import is_shell, is_source, is_trainer, shown
from auditor.submission.scope import Change, loose_folders, read_scope, record_folders

_NAMED = 3


def read_git(
    repo: str, *, pr: int | None = None, rev: str | None = None, sha: str | None = None
) -> tuple[Submission, ...]:
    """Return the submissions that a pull request (or a commit) adds or changes, at least one.

    One for each record folder that the diff against the merge-base with main adds (or, if it adds none,
    changes). A merged head is read against what main was before its merge. A pull request without a record
    folder gives its changed train script. ``sha`` takes an older head of the pull request. Raises
    :class:`Unread` with one line when there is nothing to read.
    """
    repository = open_repository(repo)
    given = f"#{pr}" if pr is not None else shown(rev or sha or "")
    head = _head(repository, repo, pr, rev, sha)
    base = base_of(repository, head, merged_as_itself=pr is None)
    if base is None:
        raise Unread(f"{given}: the repository has no main branch to compare with; fetch main")
    changes = repository.changes(base, head)
    if not changes:
        raise Unread(f"{given}: {head[:12]} changes nothing against the main branch")
    existing = existing_folders(repository, changes, base, head)
    return submitted(Commit(repository, head, given, pr, changes), existing)


def submitted(commit: Commit, existing: frozenset[str]) -> tuple[Submission, ...]:
    """Return the submissions that a commit's changes add or change, at least one; raises :class:`Unread`.

    ``existing`` are the record folders that were there before.
    """
    scope = read_scope(commit.changes, existing)
    found = [submission for folder in scope.folders for submission in commit.folder(folder)]
    if not any(map(holds_a_program, found)):
        track = posixpath.dirname(scope.folders[0]) if len(scope.folders) == 1 else ""
        loose = commit.loose(scope.outside, track)
        if len(found) == len(scope.folders) == len(loose) == 1 and loose[0].folder == "":
            found = [commit.together(scope.folders[0])]  # its script lies at the root: one submission, not two
        else:
            found += loose
    if not found:
        raise NothingSubmitted(f"{commit.given}: {_touches(commit.changes)}", commit)
    return tuple(found)


class NothingSubmitted(Unread):
    """What a commit changes holds no submission."""

    def __init__(self, text: str, commit: Commit) -> None:
        super().__init__(text)
        self.commit = commit

    def certain(self) -> bool:
        """Return whether none of the changed files is missing here, so that no other reading finds a submission."""
        changed = {change.path for change in self.commit.changes}
        files = self.commit.repository.files(self.commit.head)
        return all(entry.size is not None for path, entry in files.items() if path in changed)


def base_of(repository: Repository, head: str, *, merged_as_itself: bool = False) -> str | None:
    """Return the commit that a head is to be compared with, None when there is no main branch.

    That is its merge-base with main (of several mains, such as a fork's and the original's, the nearest);
    for a merged head the merge-base with the first parent of its merge commit. ``merged_as_itself`` compares
    a commit of main's own line with its first parent. A head without a common history is compared with main.
    """
    mains = repository.mains()
    bases = dict.fromkeys(repository.merge_base(main, head) for main in mains)
    real = [base for base in bases if base is not None]
    before = [base for base in real if base != head]
    if before:
        return before[0] if len(before) == 1 else min(before, key=lambda base: repository.distance(base, head))
    if not real:
        return mains[0] if mains else None
    for main in mains:
        first_parent = repository.merges(main).get(head)
        if first_parent is not None:
            return repository.merge_base(first_parent, head)
    parents = repository.parents(head) if merged_as_itself else ()
    return parents[0] if parents else head


def existing_folders(repository: Repository, changes: Sequence[Change], base: str, head: str) -> frozenset[str]:
    """Return the record folders among the changes that existed before: in the base, or on main by then.

    The second kind comes with histories that were copied or squashed, so that main's folders look like new.
    """
    folders = sorted(set(record_folders(c.path for c in changes if c.new is not None).values()))
    made = repository.when(head)
    copied = {
        folder
        for main in repository.mains()
        for folder in folders
        if repository.introduced(main).get(folder, made) < made
    }
    return repository.folders_of(base, folders) | copied


class Commit(Struct, frozen=True):
    """Where the submissions of one head commit come from; ``problems`` are what couldn't be read of its changes."""

    repository: Objects
    head: str
    given: str
    pr: int | None
    changes: tuple[Change, ...]
    problems: tuple[str, ...] = ()

    def folder(self, folder: str) -> list[Submission]:
        """Return the submissions that a folder of the commit holds."""
        files = self.repository.files(self.head, folder)
        outside = tuple(sorted(c.path for c in self.changes if not c.path.startswith(folder + "/")))
        elsewhere = self._run_scripts(folder)
        track = posixpath.dirname(folder)
        beside = self.repository.folders(self.head, track) if in_archive(track) else None
        found: list[Submission] = []
        for unit in units(files):
            start = unit + "/" if unit else ""
            part = {path[len(start) :]: entry for path, entry in files.items() if path.startswith(start)}
            where = posixpath.join(folder, unit) if unit else folder
            found.append(replace(self._describe(part, where, where, outside), beside=beside, elsewhere=elsewhere))
        return [submission for submission in found if holds_anything(submission)]

    def _run_scripts(self, folder: str) -> Tree | None:
        """Return the run scripts that the changes add outside of record folders, and the trainers that they bring.

        None where there are none.
        """
        wanted = {
            c.path
            for c in self.changes
            if c.new is not None
            and ((c.old is None and is_shell(c.path)) or is_trainer(c.path))
            and not in_archive(c.path)
            and not c.path.startswith(folder + "/")
        }
        if not wanted:
            return None
        files = {path: entry for path, entry in self.repository.files(self.head).items() if path in wanted}
        return git_tree(self.repository, files)[0]

    def loose(self, outside: Sequence[str], track: str) -> list[Submission]:
        """Return the submissions with a train script among changed files that lie in no record folder.

        ``track`` is the track folder that they belong to, if the pull request tells.
        """
        apart = frozenset(outside)
        changes = [c for c in self.changes if c.new is not None and c.path in apart]
        folders = [folder for folder in loose_folders(changes) if folder]
        found = [submission for folder in folders for submission in self.folder(folder) if holds_a_trainer(submission)]
        if found or not any(is_source(c.path) for c in changes):
            return found
        wanted = {c.path for c in changes}
        files = {path: entry for path, entry in self.repository.files(self.head).items() if path in wanted}
        name = f"PR {self.pr}" if self.pr is not None else self.head[:12]
        everything = tuple(sorted(c.path for c in self.changes))
        submission = self._describe(files, posixpath.join(track, name), "", everything, NO_FOLDER)
        return [submission] if holds_a_trainer(submission) else []

    def together(self, folder: str) -> Submission:
        """Return the submission of a record folder whose train script the commit changes elsewhere.

        Its files are named from the repository's root, as the script's are.
        """
        wanted = {c.path for c in self.changes if c.new is not None}
        own = {posixpath.join(folder, path): entry for path, entry in self.repository.files(self.head, folder).items()}
        files = own | {path: entry for path, entry in self.repository.files(self.head).items() if path in wanted}
        outside = tuple(sorted(c.path for c in self.changes if not c.path.startswith(folder + "/")))
        return self._describe(files, folder, "", outside, NO_FOLDER, home=folder)

    def _describe(
        self, files: dict[str, Entry], place: str, folder: str, outside: tuple[str, ...], *notes: str, home: str = ""
    ) -> Submission:
        tree, problems = git_tree(self.repository, files)
        return describe(
            tree,
            given=self.given,
            name=posixpath.basename(place),
            place=place,
            sha=self.head,
            outside=outside,
            problems=(*notes, *self.problems, *problems),
            pr=self.pr,
            folder=folder,
            home=home,
            tracks=() if track_folder(place) else self._tracks(),
        )

    def _tracks(self) -> list[str]:
        """Return the tracks' folders that lie in the archives of main."""
        if not isinstance(self.repository, Repository):
            return []
        main = next(iter(self.repository.mains()), None)
        if main is None:
            return []
        archives = self.repository.folders_of(main, sorted(challenges().archives))
        return sorted(track for archive in archives for track in self.repository.folders(main, archive) or ())


def _head(repository: Repository, repo: str, pr: int | None, rev: str | None, sha: str | None) -> str:
    if sha is not None:
        commit = repository.commit(sha) if re.fullmatch(r"[0-9a-fA-F]{4,64}", sha) else None
        if commit is None:
            raise Unread(f"{shown(sha)}: no such commit in {shown(repo)}")
        return commit
    if rev is not None:
        commit = repository.commit(rev)
        if commit is None:
            raise Unread(f"{shown(rev)}: no such revision in {shown(repo)}")
        return commit
    if pr is None:
        raise Unread(f"{shown(repo)}: say which pull request (--pr) or revision (--rev) to read")
    head = repository.pull_request(pr)
    if head is None:
        fetch = f"git fetch origin pull/{pr}/head:refs/pull/{pr}/head"
        raise Unread(f"#{pr}: no such pull request in {shown(repo)}; fetch it with `{fetch}`")
    return head


def _touches(changes: Sequence[Change]) -> str:
    some = ", ".join(shown(c.path, 60) for c in changes[:_NAMED])
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return f"no record folder and no train script among the changed files ({some}{more})"
