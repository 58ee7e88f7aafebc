"""One record folder in an editor: what is open in it, its latest audit, and the changes that it offers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.challenge import challenges
from auditor.challenge.places import is_archive, is_track
from auditor.check import audit
from auditor.finding import Finding
from auditor.fix.apply import apply
from auditor.fix.change import Change, Unfixable
from auditor.fix.overlay import overlaid
from auditor.fix.plan import LARGEST, fault, reader
from auditor.program.unpack import decode_text
from auditor.report import Report
from auditor.submission import read_path
from auditor.submission.folder import FolderTree
from auditor.submission.model import Submission, Unread


def folder_of(path: Path) -> Path | None:
    """Return the record folder that a file belongs to: that of its submission.json, or one in a track's folder."""
    for folder in path.parents:
        if is_track(folder.parent.name) and is_archive(folder.parent.parent.name):
            return folder
    return next(
        (folder for folder in path.parents if any((folder / name).is_file() for name in challenges().metadata_names)),
        None,
    )


@dataclass
class Session:
    """A record folder while files of it are open; ``open`` holds their texts as the editor has them, by path."""

    folder: Path
    open: dict[str, str] = field(default_factory=dict)
    report: Report | None = None
    told: set[str] = field(default_factory=set)  # paths whose diagnostics are shown

    def submission(self) -> Submission:
        """Return the submission with what is open over what lies on disk; raises :class:`Unread`."""
        found = read_path(str(self.folder))
        submission = next((s for s in found if isinstance(s.tree, FolderTree)), found[0])
        changed = {path: data for path, text in self.open.items() if (data := _as_saved(submission, path, text))}
        return overlaid(submission, changed)

    def audit(self) -> Report:
        """Audit the folder as the editor has it; raises :class:`Unread`."""
        self.report = audit(self.submission())
        return self.report

    def texts(self) -> Mapping[str, str]:
        """Return the texts of the files that findings lie in, as the editor has them."""
        report = self.report
        paths = {f.path for f in report.findings if f.path is not None} if report is not None else set()
        out: dict[str, str] = {}
        for path in paths:
            try:
                out[path] = self.text(path)
            except Unread:
                continue
        return out

    def text(self, path: str) -> str:
        """Return a file's text as the editor has it, else as it lies on disk; raises :class:`Unread`."""
        if path in self.open:
            return self.open[path]
        return decode_text(self.submission().tree.read(path, LARGEST))[0]

    def changed(self, change: Change, findings: tuple[Finding, ...]) -> Mapping[str, str]:
        """Return the texts of the files that a change makes others; raises :class:`Unfixable` or :class:`Unread`.

        The change is audited before it is given: its findings have to go, and no other may come.
        """
        submission = self.submission()
        before = audit(submission)
        why = "nothing of it is left to be tried"
        for way in (change, *change.otherwise):
            try:
                files = apply(reader(submission), way.parts)
            except Unfixable as reason:
                why = str(reason)
                continue
            after = audit(overlaid(submission, files))
            targets = [f for f in before.findings if any(f.fix == g.fix and f.message == g.message for g in findings)]
            said = fault(before, after, targets)
            if targets and said is None:
                return {path: decode_text(data)[0] for path, data in files.items()}
            why = said or "its finding is gone already"
        raise Unfixable(why)

    def offers(self, path: str, first: int, last: int) -> Iterator[tuple[Change, tuple[Finding, ...]]]:
        """Yield the changes of the findings that lie at the lines ``first`` to ``last`` of a file, from 1."""
        found: dict[Change, list[Finding]] = {}
        for finding in self.report.findings if self.report is not None else ():
            if finding.fix is None or finding.overruled is not None or finding.path != path:
                continue
            line = finding.line if finding.line is not None and not finding.layer else 1
            end = finding.end_line if finding.end_line is not None and not finding.layer else line
            if line <= last and end >= first:
                found.setdefault(finding.fix, []).append(finding)
        yield from ((change, tuple(findings)) for change, findings in found.items())


def _as_saved(submission: Submission, path: str, text: str) -> bytes | None:
    """Return the bytes that an open text would be saved as, None where these lie on disk already."""
    try:
        there = submission.tree.read(path, LARGEST)
    except Unread:
        return text.encode("utf-8", "surrogatepass")
    if decode_text(there)[0] == text:
        return None
    return text.encode("utf-8", "surrogatepass")


def below(folder: Path, path: Path) -> str | None:
    """Return a file's path below a folder with forward slashes, None where it lies elsewhere."""
    try:
        return posixpath.join(*path.relative_to(folder).parts)
    except (ValueError, TypeError):
        return None
