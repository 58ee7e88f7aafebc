"""What one process of a sweep does with one pull request."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from auditor.cache import Cache, open_cache
from auditor.executors.child import retire
from auditor.executors.model import Lost
from auditor.failure import described
from auditor.report import Report
from auditor.submission.fingerprint import fingerprint
from auditor.submission.git import GitTree, Repository, open_repository
from auditor.submission.history import NothingSubmitted, read_git
from auditor.submission.model import Submission, Unread
from auditor.sweep.code import CodeMarks, marks

_LARGEST_METADATA = 1 << 20
_LONGEST_AUTHOR = 100  # characters

Row: TypeAlias = "dict[str, Any]"  # one line of the results, as JSON values
Read: TypeAlias = "Callable[[int], Sequence[Submission]]"
Audit: TypeAlias = "Callable[[Submission], Report]"
Encode: TypeAlias = "Callable[[Report], Mapping[str, Any]]"


@dataclass(frozen=True)
class RepositoryAudit:
    """The job of a sweep over a repository's pull requests; it travels to the workers.

    ``heads`` are the head commits of pull requests and ``state`` what they are compared with (see
    :meth:`~auditor.submission.git.Repository.state`): where both are as they were, the repository isn't read again.
    ``elsewhere``: the repository of a node is a clone of its own, which has to be as this one is.
    """

    repo: str
    heads: Mapping[int, str] = field(default_factory=dict)
    state: str | None = None
    elsewhere: bool = False
    challenge: str | None = None  # the one that the user named; None: by the layout

    def prepare(self) -> None:
        """Import what every audit needs, so that the first pull request doesn't pay for it."""
        from auditor.challenge import choose

        choose(self.challenge)
        import auditor.check  # noqa: F401
        import reports.schema  # noqa: F401

    def __call__(self, pr: int) -> list[Row]:
        """Return the rows of one pull request."""
        from auditor.check import audit
        from reports.contract import ReportJson
        from reports.schema import to_json

        if self.elsewhere:
            self._check(pr)
        cache = open_cache()
        try:
            rows = audit_pull_request(
                pr,
                lambda number: read_git(self.repo, pr=number),
                audit,
                to_json,
                cache,
                form=ReportJson,
                whole=self._key(pr),
            )
        finally:
            cache.close()
        if any(row.get("kind") == "memory" for row in rows):
            retire()
        return rows

    def remembered(self, prs: Iterable[int]) -> Iterator[tuple[int, list[Row]]]:
        """Yield those of the pull requests whose rows this machine's cache holds, with them: no process is needed.

        The nodes of a cluster look into their own.
        """
        from reports.contract import ReportJson

        cache = open_cache()
        try:
            for pr in prs if not self.elsewhere else ():
                whole = self._key(pr)
                rows = _remembered(whole, cache, ReportJson, time.perf_counter()) if whole is not None else None
                if rows is not None:
                    yield pr, rows
        finally:
            cache.close()

    def key(self, pr: int) -> str:
        """Return by content which audit a pull request needs."""
        return f"{pr}@{self.heads.get(pr, '')}"

    def _check(self, pr: int) -> None:
        """Raise :class:`Lost` where this node's clone would be audited to other rows."""
        try:
            repository = open_repository(self.repo)
            head, state = repository.pull_request(pr), repository.state()
        except Unread as error:
            raise Lost(f"{error} (on this node)") from None
        if head != self.heads.get(pr):
            found = head[:12] if head is not None else "none"
            raise Lost(
                f"{self.repo}: head of #{pr} is {found} on this node, {self.heads[pr][:12]} was asked for; fetch"
            )
        if state != self.state:
            raise Lost(f"{self.repo}: its main branch isn't what it is where the sweep was started; fetch")

    def _key(self, pr: int) -> str | None:
        head = self.heads.get(pr)
        if head is None or self.state is None:
            return None
        return hashlib.sha256(repr(("whole pull request", pr, head, self.state, self.challenge)).encode()).hexdigest()


def audit_pull_request(
    pr: int,
    read: Read,
    audit: Audit,
    encode: Encode,
    cache: Cache,
    form: Any = dict[str, Any],
    whole: str | None = None,
) -> list[Row]:
    """Return one row per submission of a pull request, or one row with an error.

    ``form`` is the type of an encoded report: what the cache holds in another form is audited again. ``whole`` is the
    key under which the cache keeps which submissions the pull request has, so that it needn't be read for that.

    ``seconds`` is wall time; the first row's includes reading the pull request. A submission whose audit
    fails has a row with an error and its name. ``submissions`` says how many rows the pull request has, ``when`` is
    the head's own date in seconds since 1970 (None: not from git), ``author`` whom submission.json names, ``code`` is
    as :func:`auditor.sweep.code.marks`.
    """
    started = time.perf_counter()
    remembered = _remembered(whole, cache, form, started) if whole is not None else None
    if remembered is not None:
        return remembered
    try:
        submissions = read(pr)
    except Unread as error:
        nothing = error_row(pr, str(error), "unread")
        if whole is not None and isinstance(error, NothingSubmitted) and error.certain():
            cache.put(whole, json.dumps([{"row": nothing}]).encode())
        return [nothing]
    rows: list[Row] = []
    known: list[dict[str, Any]] = []
    for submission in submissions:
        row: Row = {"pr": pr, "sha": submission.sha, "when": _when(submission), "author": _author(submission)}
        row["submissions"] = len(submissions)
        try:
            key = fingerprint(submission)
            kept = _kept(cache.get(key), form)
            if kept is None:
                report = audit(submission)
                found = {"report": dict(encode(report)), "code": marks(report)}
                if report.failures:
                    found["failed"] = failure(report.failures[0].error)["error"]  # and another version may do better
                else:
                    cache.put(key, json.dumps(found, separators=(",", ":")).encode())
            else:
                found = kept
        except Exception as error:
            # A defect of ours spoils this submission only: the row says which, and the sweep goes on.
            row |= failure(error) | {"name": submission.name}
        else:
            if "failed" not in found and not _lacks_blobs(submission):
                known.append({"row": dict(row), "key": key})
            row |= {"cached": kept is not None, **found}
        now = time.perf_counter()
        row["seconds"] = round(now - started, 3)
        started = now
        rows.append(row)
    if whole is not None and len(known) == len(rows):
        cache.put(whole, json.dumps(known).encode())
    return rows


def _remembered(whole: str, cache: Cache, form: Any, started: float) -> list[Row] | None:
    """Return the rows of a pull request that was audited before; None where one of its reports isn't kept."""
    stored = cache.get(whole)
    if stored is None:
        return None
    try:
        known = msgspec.json.decode(stored, type=list[_Known])
    except (msgspec.MsgspecError, RecursionError):
        return None
    rows: list[Row] = []
    for each in known:
        if each.key is None:
            rows.append(each.row)
            continue
        kept = _kept(cache.get(each.key), form)
        if kept is None:
            return None
        now = time.perf_counter()
        rows.append({**each.row, "cached": True, **kept, "seconds": round(now - started, 3)})
        started = now
    return rows


class _Known(msgspec.Struct):
    """A submission of a pull request: what its row says of the commit, and the key of its report.

    Without a key it is the row of a pull request that holds none.
    """

    row: dict[str, Any]
    key: str | None = None


def _lacks_blobs(submission: Submission) -> bool:
    """Return whether the repository may hold more of a submission another time."""
    tree = submission.tree
    return isinstance(tree, GitTree) and any(entry.size is None for entry in tree.entries.values())


def _kept(stored: bytes | None, form: Any) -> dict[str, Any] | None:
    """Return what the cache holds of a report, None where it holds nothing that is one."""
    if stored is None:
        return None
    try:
        found = msgspec.json.decode(stored, type=dict[str, Any])
        msgspec.convert(found.get("report"), form)
        msgspec.convert(found.get("code"), CodeMarks)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return {"report": found["report"], "code": found["code"]}


def _author(submission: Submission) -> str | None:
    """Return who submission.json says wrote it, by account where it names one; None where it doesn't."""
    from auditor.evidence.metadata import read_metadata

    if submission.metadata is None:
        return None
    try:
        found = read_metadata(submission.metadata, submission.tree.read(submission.metadata, _LARGEST_METADATA))
    except Unread:
        return None
    for name in ("github_id", "author"):
        claim = found.text(name)
        if claim is not None and claim.value.strip():
            return claim.value.strip()[:_LONGEST_AUTHOR]
    return None


def _when(submission: Submission) -> int | None:
    tree = submission.tree
    if submission.sha is None or not isinstance(tree, GitTree) or not isinstance(tree.repository, Repository):
        return None
    return tree.repository.when(submission.sha)


def failure(error: BaseException) -> Row:
    """Return the ``error`` and ``kind`` of a row for an exception."""
    if isinstance(error, MemoryError):
        return {"error": "out of memory", "kind": "memory"}
    if isinstance(error, Unread):
        return {"error": str(error), "kind": "unread"}
    return {"error": described(error), "kind": "internal"}


def error_row(pr: int, error: str, kind: str) -> Row:
    """Return the row of a pull request that has no report."""
    return {"pr": pr, "submissions": 1, "error": error, "kind": kind}
