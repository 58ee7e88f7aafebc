"""A git repository read through its objects: nothing is checked out and nothing of it is run."""

from __future__ import annotations

import os
import posixpath
import weakref
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from auditor.regex import regex
from auditor.submission.model import Unread
from auditor.submission.names import shown
from auditor.submission.scope import Change, record_folders

if TYPE_CHECKING:
    import subprocess

MAIN_REFS = (
    "refs/heads/main",
    "refs/remotes/upstream/main",
    "refs/remotes/origin/main",
    "refs/heads/master",
    "refs/remotes/upstream/master",
    "refs/remotes/origin/master",
)
_PR_PATTERNS = (
    "refs/pull/{}/head",
    "refs/remotes/upstream/pr/{}",
    "refs/remotes/origin/pr/{}",
    "refs/remotes/upstream/pull/{}/head",
    "refs/remotes/origin/pull/{}/head",
)
_PR_REF = regex(r"refs/(?:remotes/(?:upstream|origin)/)?(?:pull/(?=\d+/head$)|pr/(?=\d+$))(\d+)(?:/head)?")
_TIMEOUT = 120.0  # seconds for one git command
_CHUNK = 1 << 16
# What a repository's own configuration could start is switched off: hooks, a file-system monitor, filters and
# drivers by attributes, a program that checks signatures. The folder may belong to someone else
# (safe.directory), since nothing in it is trusted anyway.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "log.showSignature=false",
    "gpg.program=false",
    "safe.directory=*",
)


class Entry(Struct, frozen=True):
    """One file of a commit: its blob, its size in bytes (None: the blob is absent) and its mode."""

    oid: str
    size: int | None
    mode: str


class Objects(Protocol):
    """Files of commits by their object ids, wherever the objects are: a repository here, or a server."""

    def files(self, commit: str, folder: str = "") -> dict[str, Entry]:
        """Return the files of a commit below a folder, by their path below it; raises Unread."""
        ...

    def blob(self, oid: str, count: int) -> bytes:
        """Return a blob's first ``count`` bytes; raises Unread when it can't be had."""
        ...

    def folders(self, commit: str, folder: str) -> frozenset[str] | None:
        """Return the names of the folders in a folder of a commit; None where that would take another request."""
        ...


class Repository:
    """A repository's objects. Get one from :func:`open_repository`; its methods raise Unread when git fails.

    Refs are looked up each time; what a history tells is kept by the commit that it ends at.
    """

    def __init__(self, git_dir: str, work_tree: str | None = None) -> None:
        self.git_dir = git_dir
        self.work_tree = work_tree
        self._reader: subprocess.Popen[bytes] | None = None
        self._end_reader: weakref.finalize[..., Repository] | None = None
        self._merges: dict[str, dict[str, str]] = {}
        self._introduced: dict[str, dict[str, int]] = {}

    def pull_requests(self) -> tuple[int, ...]:
        """Return the numbers of the pull requests whose heads were fetched, in order."""
        listed = self.run("for-each-ref", "--format=%(refname)").decode("utf-8", "replace").splitlines()
        return tuple(sorted({int(match[1]) for match in map(_PR_REF.fullmatch, listed) if match}))

    def heads(self) -> dict[int, str]:
        """Return the head commit of every pull request that was fetched, by number and in its order."""
        listed = self.run("for-each-ref", "--format=%(refname) %(objectname)").decode("utf-8", "replace").splitlines()
        pairs = (line.rpartition(" ") for line in listed)
        found = {int(match[1]): oid for ref, _, oid in pairs if (match := _PR_REF.fullmatch(ref)) is not None}
        return dict(sorted(found.items()))

    def pull_request(self, number: int) -> str | None:
        """Return a pull request's head commit, None when it was not fetched."""
        for pattern in _PR_PATTERNS:
            commit = self.commit(pattern.format(number))
            if commit is not None:
                return commit
        return None

    def mains(self) -> tuple[str, ...]:
        """Return the commits that the main branch's local and remote refs point at, likeliest first."""
        listed = self.run("for-each-ref", "--format=%(refname) %(objectname)", *MAIN_REFS).decode("ascii")
        commits = dict(line.split(" ", 1) for line in listed.splitlines())
        return tuple(dict.fromkeys(commits[ref] for ref in MAIN_REFS if ref in commits))

    def state(self) -> str | None:
        """Return what heads are compared with: the main branch. None where a shallow history may be deepened."""
        if self.run("rev-parse", "--is-shallow-repository").strip() != b"false":
            return None
        return " ".join(self.mains())

    def merges(self, main: str) -> Mapping[str, str]:
        """Return the first parents of the merge commits on a main branch, by the commit that each merged."""
        if main not in self._merges:
            found: dict[str, str] = {}
            for line in self.run("rev-list", "--first-parent", "--parents", main).decode("ascii").splitlines():
                _, *parents = line.split()
                for merged in parents[1:]:
                    found.setdefault(merged, parents[0])
            self._merges[main] = found
        return self._merges[main]

    def introduced(self, main: str) -> Mapping[str, int]:
        """Return record folders by when a main branch first held them (seconds since 1970)."""
        if main not in self._introduced:
            found: dict[str, int] = {}
            options = (
                "--first-parent",
                "-m",
                "--diff-filter=A",
                "--no-renames",
                "--name-only",
                "--format=%x01%ct",
            )
            listed = self.run("log", *options, main, "--", "records").decode("utf-8", "backslashreplace")
            for commit in listed.split("\1")[1:]:
                when, *paths = commit.split("\n")
                for folder in set(record_folders(filter(None, paths)).values()):
                    found[folder] = min(found.get(folder, int(when)), int(when))
            self._introduced[main] = found
        return self._introduced[main]

    def when(self, commit: str) -> int:
        """Return when a commit was made (seconds since 1970), as it says itself."""
        return int(self.run("rev-list", "--max-count=1", "--timestamp", commit).split()[0])

    def commit(self, revision: str) -> str | None:
        """Return the full id of the commit that a revision names, None when there is none."""
        if not revision or revision.startswith("-") or "\0" in revision or "\n" in revision:
            return None
        answer = self._call("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        return answer.stdout.decode("ascii", "replace").strip() if answer.returncode == 0 else None

    def parents(self, commit: str) -> tuple[str, ...]:
        """Return a commit's parents, first parent first."""
        return tuple(self.run("rev-list", "--parents", "-n", "1", commit).decode("ascii").split()[1:])

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits, None when their histories don't meet."""
        answer = self._call("merge-base", one, other)
        return answer.stdout.decode("ascii").split("\n", 1)[0] if answer.returncode == 0 else None

    def distance(self, ancestor: str, commit: str) -> int:
        """Return how many commits lie between an ancestor and a commit."""
        return int(self.run("rev-list", "--count", f"{ancestor}..{commit}"))

    def changes(self, base: str, head: str) -> tuple[Change, ...]:
        """Return the files that differ between two commits; a renamed file is a removal and an addition."""
        return _changes(self.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", base, head))

    def staged(self, base: str) -> tuple[Change, ...]:
        """Return the files that differ between a commit and the index, and those not added yet."""
        indexed = _changes(self.run("diff-index", "--cached", "-z", "--raw", "--no-renames", "--no-ext-diff", base))
        others = self.run("ls-files", "-z", "--others", "--exclude-standard").decode("utf-8", "backslashreplace")
        return (*indexed, *(Change(path, None, "untracked") for path in others.split("\0") if path))

    def files(self, commit: str, folder: str = "") -> dict[str, Entry]:
        """Return the files of a commit below a folder, by their path below it."""
        where = f"{commit}:{folder}" if folder else commit
        entries: dict[str, Entry] = {}
        for record in self.run("ls-tree", "-r", "-l", "-z", "--full-tree", where).split(b"\0"):
            if record:
                meta, _, path = record.partition(b"\t")
                mode, _, oid, size = meta.decode("ascii").split()
                name = path.decode("utf-8", "backslashreplace")
                entries[name] = Entry(oid, int(size) if size.isdigit() else None, mode)
        return entries

    def folders(self, commit: str, folder: str) -> frozenset[str] | None:
        """Return the names of the folders in a folder of a commit."""
        listed = self.run("ls-tree", "-d", "-z", "--name-only", "--full-tree", f"{commit}:{folder}")
        return frozenset(listed.decode("utf-8", "backslashreplace").split("\0")) - {""}

    def folders_of(self, commit: str, folders: Sequence[str]) -> frozenset[str]:
        """Return those of the given folders that a commit holds."""
        if not folders:
            return frozenset()
        listed = self.run("ls-tree", "-d", "-z", "--name-only", "--full-tree", commit, "--", *folders)
        return frozenset(listed.decode("utf-8", "backslashreplace").split("\0")) & set(folders)

    def blob(self, oid: str, count: int) -> bytes:
        """Return a blob's first ``count`` bytes; raises Unread when the repository doesn't hold it."""
        reader = self._cat_file()
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            reader.stdin.write(oid.encode("ascii") + b"\n")
            reader.stdin.flush()
            header = reader.stdout.readline().split()
            if len(header) != 3:
                if header[-1:] == [b"missing"]:
                    raise Unread(f"object {shown(oid)} is absent from the repository {shown(self.git_dir)}")
                raise BrokenPipeError
            size = int(header[2])
            content = reader.stdout.read(min(size, count))
            # The rest, with the line break that ends every answer, must go before the next question.
            left = size - len(content) + 1
            while left > 0:
                left -= len(reader.stdout.read(min(left, _CHUNK))) or left
        except (OSError, ValueError) as error:
            self.close()
            raise Unread(f"{shown(self.git_dir)}: git stopped while reading an object") from error
        return content

    def close(self) -> None:
        """End the process that reads objects; the next read starts another."""
        self._reader = None
        if self._end_reader is not None:
            self._end_reader()

    def run(self, *arguments: str) -> bytes:
        """Return what a git command prints; raises Unread with git's own last line when it fails."""
        answer = self._call(*arguments)
        if answer.returncode != 0:
            said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1] if said else f"exit status {answer.returncode}"
            raise Unread(f"{shown(self.git_dir)}: git {arguments[0]} failed: {shown(reason)}")
        return answer.stdout

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        import subprocess

        command = self._command(*arguments)
        try:
            return subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, env=_environment(), timeout=_TIMEOUT
            )
        except FileNotFoundError as error:
            raise Unread("git is not installed, and reading a repository needs it") from error
        except subprocess.TimeoutExpired as error:
            raise Unread(f"{shown(self.git_dir)}: git {arguments[0]} took over {_TIMEOUT:.0f} s") from error
        except (OSError, ValueError) as error:
            raise Unread(f"{shown(self.git_dir)}: git {arguments[0]} could not be started") from error

    def _cat_file(self) -> subprocess.Popen[bytes]:
        if self._reader is None or self._reader.poll() is not None:
            import subprocess

            try:
                self._reader = subprocess.Popen(
                    self._command("cat-file", "--batch"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                )
            except OSError as error:
                raise Unread("git is not installed, and reading a repository needs it") from error
            self._end_reader = weakref.finalize(self, _end, self._reader, os.getpid())
        return self._reader

    def _command(self, *arguments: str) -> list[str]:
        command = ["git", "--no-pager", f"--git-dir={self.git_dir}"]
        if self.work_tree is not None:
            command += ["-C", self.work_tree, f"--work-tree={self.work_tree}"]
        for setting in _SETTINGS:
            command += ["-c", setting]
        return [*command, *arguments]


class GitTree(Struct, frozen=True):
    """Some files of a commit. Implements :class:`auditor.submission.model.Tree`."""

    repository: Objects
    entries: dict[str, Entry]

    def paths(self) -> tuple[str, ...]:
        """Return every file's path, sorted; a file whose blob is absent is listed too."""
        return tuple(sorted(self.entries))

    def size(self, path: str) -> int:
        """Return a file's size in bytes; raises Unread when it or its blob is missing."""
        size = self._entry(path).size
        if size is None:
            raise Unread(f"{shown(path)}: its content is absent from the repository")
        return size

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes; raises Unread when missing or over ``limit`` bytes."""
        size = self.size(path)
        if size > limit:
            raise Unread(f"{shown(path)}: {size:,} bytes, more than the {limit:,} read")
        return self.repository.blob(self._entry(path).oid, size)

    def head(self, path: str, count: int) -> bytes:
        """Return the first ``count`` bytes of a file (fewer when it is shorter); raises Unread."""
        self.size(path)
        return self.repository.blob(self._entry(path).oid, count)

    def identity(self, path: str) -> str:
        """Return what stands for a file's content: its object id, and whether it can be read here."""
        entry = self._entry(path)
        return entry.oid if entry.size is not None else f"absent {entry.oid}"

    def _entry(self, path: str) -> Entry:
        try:
            return self.entries[path]
        except KeyError:
            raise Unread(f"{shown(path)}: no such file in the commit") from None


def git_tree(repository: Objects, files: dict[str, Entry]) -> tuple[GitTree, tuple[str, ...]]:
    """Return the tree of some files of a commit, and one line for each that cannot be read as it stands.

    Links are resolved where they point to another of the files; links that leave, submodules and blobs that
    are absent from the repository are reported.
    """
    plain = {path: entry for path, entry in files.items() if entry.mode not in {"120000", "160000"}}
    problems: list[str] = []
    for path, entry in files.items():
        if entry.mode == "160000":
            problems.append(f"{shown(path)}: a submodule; not read")
        elif entry.mode == "120000":
            target = _target(repository, path, entry)
            if target in plain:
                plain[path] = plain[target]
            else:
                problems.append(f"{shown(path)}: a link to something else than a file of this folder; not followed")
        elif entry.size is None:
            problems.append(f"{shown(path)}: its content is absent from the repository; not read")
    return GitTree(repository, plain), tuple(problems)


def open_repository(path: str) -> Repository:
    """Return the repository at a path (a bare one, a ``.git`` folder or a checkout).

    Repositories are kept per process, with what was found out about them. Raises Unread when there is none.
    """
    return _open(os.path.realpath(path), path, os.getpid())


def checkout_root(path: str) -> str | None:
    """Return the nearest folder at or above a real path that holds ``.git``, None when there is none."""
    for folder in (Path(path), *Path(path).parents):
        if os.path.lexists(folder / ".git"):
            return str(folder)
    return None


@lru_cache(maxsize=16)
def _open(real: str, given: str, process: int) -> Repository:
    # The process is part of the key: a forked child must not talk to its parent's object reader.
    place = Path(real)
    if not place.exists():
        raise Unread(f"{shown(given)}: no such repository")
    if (place / "HEAD").is_file() and (place / "objects").is_dir():
        found = Repository(real)
    elif os.path.lexists(place / ".git"):
        found = Repository(str(place / ".git"), work_tree=real)
    else:
        raise Unread(f"{shown(given)}: not a git repository; give a checkout or a bare git directory")
    if found._call("rev-parse", "--git-dir").returncode != 0:
        raise Unread(f"{shown(given)}: not a git repository that git can open")
    return found


def _end(reader: subprocess.Popen[bytes], process: int) -> None:
    if os.getpid() == process:  # a forked child leaves its parent's reader alone
        reader.kill()
        reader.communicate()


def _environment() -> dict[str, str]:
    """Return the caller's environment without git's variables, with those that keep git quiet and local."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_LITERAL_PATHSPECS": "1",
    }


def _changes(raw: bytes) -> tuple[Change, ...]:
    fields = raw.split(b"\0")
    found: list[Change] = []
    for meta, path in zip(fields[::2], fields[1::2], strict=False):
        _, _, old, new, status = meta.decode("ascii").split()
        name = path.decode("utf-8", "backslashreplace")
        found.append(Change(name, None if status == "A" else old, None if status == "D" else new))
    return tuple(found)


def _target(repository: Objects, path: str, entry: Entry) -> str | None:
    if entry.size is None or entry.size > 4096:
        return None
    text = repository.blob(entry.oid, entry.size).decode("utf-8", "backslashreplace")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), text))
