"""Commits' files from GitHub, read when they are asked for."""

from __future__ import annotations

import base64
import binascii
import hashlib
from urllib.parse import quote

import msgspec

from auditor.github.client import Api
from auditor.github.refused import Refused
from auditor.submission.git import Entry
from auditor.submission.model import Unread
from auditor.submission.names import shown

LARGEST_FILE = 32 * 1024 * 1024  # bytes; what the audit reads of one script
MOST_BYTES = 128 * 1024 * 1024
MOST_FILES = 500
_TRUNCATED = "GitHub lists only a part of its files; read it from a clone (--git-dir)"


class _Node(msgspec.Struct):
    path: str
    mode: str
    type: str
    sha: str
    size: int | None = None


class _Tree(msgspec.Struct):
    sha: str
    tree: list[_Node]
    truncated: bool = False


class _Blob(msgspec.Struct):
    content: str
    encoding: str


class RemoteObjects:
    """The objects of a repository on GitHub. Implements :class:`auditor.submission.git.Objects`.

    Trees and blobs are fetched once. At most ``MOST_FILES`` files of ``MOST_BYTES`` together are fetched, none over
    ``LARGEST_FILE``: what is beyond is unread. What GitHub refuses raises :class:`Refused`, never Unread: a broken
    line doesn't make a file unreadable.
    """

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._repository = repository
        self._trees: dict[tuple[str, bool], _Tree] = {}
        self._blobs: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def files(self, commit: str, folder: str = "") -> dict[str, Entry]:
        """Return the files of a commit below a folder, by their path below it (empty where there is none)."""
        top = self._find(commit, folder)
        if top is None:
            return {}
        found: dict[str, Entry] = {}
        for node in self._tree(top, recursive=True).tree:
            if node.type != "tree":
                found[node.path] = Entry(node.sha, node.size, node.mode)
                if node.size is not None:
                    self._sizes[node.sha] = node.size
        return found

    def folders_of(self, commit: str, folders: frozenset[str]) -> frozenset[str]:
        """Return those of the given folders that a commit holds."""
        return frozenset(folder for folder in folders if self._find(commit, folder) is not None)

    def folders(self, commit: str, folder: str) -> frozenset[str] | None:
        """Return None: what lies beside a record folder is worth no request."""
        return None

    def blob(self, oid: str, count: int) -> bytes:
        """Return a blob's first ``count`` bytes; raises Unread beyond the limits."""
        if oid not in self._blobs:
            size = self._sizes.get(oid, 0)
            if size > LARGEST_FILE:
                raise Unread(f"object {shown(oid)}: {size:,} bytes, more than the {LARGEST_FILE:,} fetched of a file")
            if len(self._blobs) >= MOST_FILES or self._bytes + size > MOST_BYTES:
                raise Unread(
                    f"object {shown(oid)}: not fetched, after {len(self._blobs)} files of {self._bytes:,} bytes"
                )
            self._blobs[oid] = self._fetch(oid)
            self._bytes += len(self._blobs[oid])
        return self._blobs[oid][:count]

    def _fetch(self, oid: str) -> bytes:
        doing = f"read object {oid[:12]} of {self._repository}"
        blob = self._api.get(f"/repos/{self._repository}/git/blobs/{quote(oid, safe='')}", _Blob, doing)
        try:
            content = base64.b64decode(blob.content) if blob.encoding == "base64" else blob.content.encode()
        except (binascii.Error, ValueError):
            raise Refused(f"can't {doing}: its content isn't base64") from None
        # A blob's name is the hash of its content (git's object format), so that what came is known to be it.
        header = b"blob %d\0" % len(content)
        algorithm = "sha256" if len(oid) == 64 else "sha1"
        if hashlib.new(algorithm, header + content, usedforsecurity=False).hexdigest() != oid:
            raise Refused(f"can't {doing}: what came isn't that object")
        return content

    def _find(self, commit: str, folder: str) -> str | None:
        """Return the tree of a folder in a commit, None where there is none."""
        at = commit
        for name in folder.split("/") if folder else ():
            nodes = (node for node in self._tree(at).tree if node.path == name and node.type == "tree")
            found = next(nodes, None)
            if found is None:
                return None
            at = found.sha
        return at

    def _tree(self, oid: str, *, recursive: bool = False) -> _Tree:
        key = (oid, recursive)
        if key not in self._trees:
            doing = f"list the files of {oid[:12]} in {self._repository}"
            parameters = {"recursive": 1} if recursive else {}
            path = f"/repos/{self._repository}/git/trees/{quote(oid, safe='')}"
            self._trees[key] = self._api.get(path, _Tree, doing, **parameters)
            if self._trees[key].truncated:
                raise Refused(f"can't {doing}: {_TRUNCATED}")
        return self._trees[key]
