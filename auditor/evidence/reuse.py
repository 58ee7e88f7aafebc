"""Logs that an earlier pull request submitted before, by the names of git's objects: no log is read for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct, field

from auditor.challenge import challenges
from auditor.challenge.places import is_archive
from auditor.evidence.metadata import read_metadata
from auditor.evidence.model import Reuse
from auditor.regex import regex
from auditor.submission.git import GitTree, Repository
from auditor.submission.model import Submission, Unread
from auditor.submission.names import is_log

_LARGEST_TREE = 4_000_000  # bytes of one git tree
_DEEPEST = 6  # folders below a record folder
_HEAD = regex(r"refs/(?:remotes/\w+/)?(?:pull/(\d+)/head|pr/(\d+))")
_DAY = regex(r"20\d\d-\d\d-\d\d")
_LARGEST_METADATA = 1_000_000


class Held(Struct, frozen=True):
    """A log in a record folder, and the lowest pull request whose head holds that folder.

    ``metadata`` names the blob of the folder's submission.json, empty where there is none; ``holder`` is the lowest
    pull request whose head holds the log there: others bring the folder without it.
    """

    pr: int
    folder: str
    path: str
    metadata: str
    holder: int


class LogIndex(Struct, frozen=True):
    """Every log of every fetched pull request head by its blob, and the lowest head that holds each folder."""

    logs: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)


def reused(submission: Submission) -> tuple[Reuse, ...]:
    """Return the submission's logs that an earlier pull request, or main, has in another folder.

    Empty where the submission was not read from a repository's pull request. A folder of main is earlier when main
    held it before the head commit was made, any other by the lowest pull request that holds it; and where both
    names tell a day, neither is when its day is later.
    """
    tree = submission.tree
    if not submission.logs or submission.pr is None or submission.sha is None or not isinstance(tree, GitTree):
        return ()
    repository = tree.repository
    if not isinstance(repository, Repository):
        return ()
    index = log_index(repository)
    order = _Order(submission, index, repository)
    found: list[Reuse] = []
    for path in submission.logs:
        others = [held for held in index.logs.get(tree.identity(path), ()) if order.is_earlier(held)]
        if others and tree.size(path):
            first = min(others, key=lambda held: (held.folder not in order.merged, held.pr, held.folder))
            pr = None if first.folder in order.merged else first.holder
            same = _same_author(repository, first.metadata, submission)
            found.append(Reuse(path, f"{first.folder}/{first.path}", pr, same))
    return tuple(found)


class _Order:
    """What came before a submission."""

    def __init__(self, submission: Submission, index: LogIndex, repository: Repository) -> None:
        self.name = submission.name
        self.pr = min((n for f, n in index.folders.items() if f.endswith("/" + self.name)), default=submission.pr or 0)
        self.made = repository.when(submission.sha or "")
        self.merged = {f: when for main in repository.mains()[:1] for f, when in repository.introduced(main).items()}

    def is_earlier(self, held: Held) -> bool:
        """Tell whether another folder's log was there before this submission."""
        name = held.folder.rpartition("/")[2]
        days = [match[0] for text in (name, self.name) if (match := _DAY.search(text))]
        if name == self.name or (len(days) == 2 and days[0] > days[1]):
            return False
        when = self.merged.get(held.folder)
        return held.holder < self.pr if when is None else when < self.made


def log_index(repository: Repository) -> LogIndex:
    """Return the index of all fetched heads; it is kept in the cache by the state of the refs."""
    listed = repository.run("for-each-ref", "--format=%(objectname) %(refname)").decode("utf-8", "replace")
    heads = sorted(
        (int(match[1] or match[2]), line.split(" ", 1)[0])
        for line in listed.splitlines()
        if (match := _HEAD.fullmatch(line.split(" ", 1)[1])) is not None
    )
    key = "logs and holders " + hashlib.sha256(repr(heads).encode()).hexdigest()
    kept = _KEPT.get(key)
    if kept is None:
        from auditor.cache import open_cache

        cache = open_cache()
        try:
            stored = cache.get(key)
            kept = _decoded(stored) if stored is not None else build(repository, heads)
            if stored is None:
                cache.put(key, _encoded(kept))
        finally:
            cache.close()
        _KEPT.clear()
        _KEPT[key] = kept
    return kept


_KEPT: dict[str, LogIndex] = {}  # of this process: the index of the refs as they were last seen


def build(repository: Repository, heads: list[tuple[int, str]]) -> LogIndex:
    """Return the index of heads given as (pull request, commit), lowest number first.

    A folder that several heads hold unchanged is looked into once.
    """
    logs: dict[str, list[Held]] = {}
    folders: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for pr, commit in heads:
        for folder, tree in _record_folders(repository, commit):
            folders.setdefault(folder, pr)
            if (folder, tree) in seen:
                continue
            seen.add((folder, tree))
            files = dict(_files(repository, tree))
            metadata = next((files[name] for name in challenges().metadata_names if name in files), "")
            for path, blob in files.items():
                if is_log(path):
                    logs.setdefault(blob, []).append(Held(folders[folder], folder, path, metadata, pr))
    return LogIndex({blob: tuple(held) for blob, held in logs.items()}, folders)


def _same_author(repository: Repository, metadata: str, submission: Submission) -> bool | None:
    if not metadata or submission.metadata is None:
        return None
    try:
        theirs = _names(repository.blob(metadata, _LARGEST_METADATA))
        ours = _names(submission.tree.read(submission.metadata, _LARGEST_METADATA))
    except Unread:
        return None
    return bool(theirs & ours) if theirs and ours else None


def _names(metadata: bytes) -> frozenset[str]:
    claims = read_metadata("metadata", metadata)
    texts = [claims.text(name) for name in ("author", "github_id")]
    return frozenset(text.value.strip().lower().lstrip("@") for text in texts if text is not None and text.value)


def _record_folders(repository: Repository, commit: str) -> Iterator[tuple[str, str]]:
    """Yield the record folders of a commit with their trees: ``records/<track>/<name>``."""
    try:
        head = repository.blob(commit, _LARGEST_TREE)
    except Unread:
        return  # a head that was named but not fetched
    root = head.split(b"\n", 1)[0].removeprefix(b"tree ").decode("ascii", "replace")
    found = ((name, oid) for name, oid, is_tree in _entries(repository, root) if is_tree and is_archive(name))
    archive, records = next(found, ("", None))
    for track, tree, is_tree in _entries(repository, records) if records else ():
        if is_tree:
            for name, oid, is_folder in _entries(repository, tree):
                if is_folder:
                    yield f"{archive}/{track}/{name}", oid


def _files(repository: Repository, tree: str, below: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    for name, oid, is_tree in _entries(repository, tree):
        if not is_tree:
            yield below + name, oid
        elif depth < _DEEPEST:
            yield from _files(repository, oid, f"{below}{name}/", depth + 1)


def _entries(repository: Repository, tree: str) -> tuple[tuple[str, str, bool], ...]:
    """Return the names, object ids and kinds (is it a tree) in a tree, remembered: heads share most of them."""
    known = _TREES.get(tree)
    if known is None:
        if len(_TREES) >= _MOST_TREES:
            _TREES.clear()
        known = _TREES[tree] = tuple(_parsed(_tree(repository, tree), len(tree) // 2))
    return known


_MOST_TREES = 20_000
_TREES: dict[str, tuple[tuple[str, str, bool], ...]] = {}  # objects never change


def _tree(repository: Repository, oid: str) -> bytes:
    try:
        return repository.blob(oid, _LARGEST_TREE)
    except Unread:
        return b""  # a partial clone: what is absent can't be compared


def _parsed(data: bytes, digits: int) -> Iterator[tuple[str, str, bool]]:
    """Yield the entries of a tree object: mode, name and a binary object id of ``digits`` bytes each."""
    at = 0
    while at < len(data):
        space = data.find(b" ", at)
        end = data.find(b"\0", space)
        if space < 0 or end < 0 or end + 1 + digits > len(data):
            return
        name = data[space + 1 : end].decode("utf-8", "backslashreplace")
        yield name, data[end + 1 : end + 1 + digits].hex(), data[at:space] in (b"40000", b"040000")
        at = end + 1 + digits


def _encoded(index: LogIndex) -> bytes:
    logs = {blob: [msgspec.structs.astuple(h) for h in held] for blob, held in index.logs.items()}
    return json.dumps({"logs": logs, "folders": dict(index.folders)}, separators=(",", ":")).encode()


def _decoded(data: bytes) -> LogIndex:
    stored = json.loads(data)
    logs = {blob: tuple(Held(*each) for each in held) for blob, held in stored["logs"].items()}
    return LogIndex(logs, stored["folders"])
