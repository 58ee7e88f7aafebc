"""What an audit says of a script's compliance, to be compared between two ways to write the script."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from auditor.check import audit
from auditor.finding import Verdict
from auditor.submission.model import Submission, Tree
from auditor.verdict import weigh


@dataclass(frozen=True)
class Judged:
    """The compliance verdict, and what each rule that counts for it makes of the script."""

    verdict: str
    rules: frozenset[tuple[str, str]]

    def __str__(self) -> str:
        return f"{self.verdict} ({', '.join(f'{slug} {weight}' for slug, weight in sorted(self.rules)) or 'none'})"


@dataclass(frozen=True)
class Replaced:
    """A tree with other bytes in the place of some of its files, and some files more."""

    tree: Tree
    files: Mapping[str, bytes]

    def paths(self) -> tuple[str, ...]:
        """Return the paths of the tree, with those of the further files."""
        return tuple(sorted({*self.tree.paths(), *self.files}))

    def size(self, path: str) -> int:
        """Return the size of a file, replaced or not."""
        return len(self.files[path]) if path in self.files else self.tree.size(path)

    def read(self, path: str, limit: int) -> bytes:
        """Return the bytes of a file, replaced or not."""
        return self.files[path] if path in self.files else self.tree.read(path, limit)


def with_script(submission: Submission, source: str, files: Mapping[str, str] | None = None) -> Submission:
    """Return the submission with ``source`` as its train script and ``files`` beside it."""
    assert submission.script is not None
    beside = PurePosixPath(submission.script).parent
    every = {submission.script: source} | {str(beside / path): text for path, text in (files or {}).items()}
    encoded = {path: text.encode("utf-8", "surrogateescape") for path, text in every.items()}
    return dataclasses.replace(submission, tree=Replaced(submission.tree, encoded))


def judged(submission: Submission, select: Collection[str] | None = None) -> Judged:
    """Return what the audit says of the submission's compliance."""
    report = audit(submission, select=select)
    weights: dict[str, Verdict] = {}
    for finding in report.findings:
        weight = weigh(finding)
        if finding.group == "compliance" and weight is not Verdict.CLEAN:
            weights[finding.rule] = max(weight, weights.get(finding.rule, weight), key=lambda v: v.severity)
    return Judged(report.compliance.value, frozenset((rule, weight.value) for rule, weight in weights.items()))
