"""One hash for all that an audit of a submission depends on."""

from __future__ import annotations

import hashlib

from auditor.submission.model import Submission, Tree, Unread


def fingerprint(submission: Submission) -> str:
    """Return a hash of a submission's files and description: equal hashes, equal audits.

    Files of a commit are known by their object ids, so nothing is read; other files are read whole.
    """
    digest = hashlib.sha256()
    described = (
        submission.given,
        submission.name,
        submission.track,
        submission.sha,
        submission.script,
        submission.helpers,
        submission.shells,
        submission.logs,
        submission.readme,
        submission.metadata,
        submission.outside,
        submission.problems,
        submission.pr,
        submission.lone,
        submission.challenge,
        submission.track_folder,
    )
    digest.update(repr(described).encode("utf-8", "backslashreplace"))
    for path in submission.tree.paths():
        digest.update(repr((path, _identity(submission.tree, path))).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _identity(tree: Tree, path: str) -> str:
    known = getattr(tree, "identity", None)
    if known is not None:
        return str(known(path))
    try:
        return hashlib.sha256(tree.read(path, tree.size(path))).hexdigest()
    except Unread as error:
        return f"unread: {error}"
