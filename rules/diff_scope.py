"""Changes outside the one record folder that a pull request may add."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.challenge.places import in_archive
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from auditor.submission.scope import record_folders
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged, several

SLUG = "diff-scope"

_MOVE = "Move the folder to the track's, at the root of the repository."
_WIDEST = 70  # characters of a folder


def check(case: Case) -> Iterator[Finding]:
    """Yield an incomplete when the diff touches files outside the record folder, or the folder lies elsewhere.

    Nothing when no diff is known.
    """
    outside = case.submission.outside
    if not judged(case) or outside is None:
        return
    astray = _astray(case)
    if astray and not outside:
        path = case.submission.metadata or case.submission.readme or case.submission.script
        yield Finding(SLUG, "package", "incomplete", astray, path, advice=_MOVE)
    if not outside:
        return
    count = f"{len(outside):,} file{'s' if len(outside) > 1 else ''}"
    found = set(record_folders(outside).values())
    folders = sorted(filter(in_archive, found)) or sorted(found)  # below other trees lie copies of them, at most
    placed = case.submission.folder != ""
    home = in_archive(case.submission.readme or case.submission.metadata or "")
    alone = "outside the record folder, this script among them" if home else "and this script lies in no record folder"
    where = f"{count} outside {case.submission.name}" if placed else f"{count}{' ' if home else ', '}{alone}"
    parts = [f"The diff touches {where}: {several(_places(outside))}"]
    if folders:
        one = "another record folder" if placed else "a record folder"
        parts.append(f"among them {one if len(folders) == 1 else f'{len(folders)} record folders'}")
    said = "; ".join(parts) + "."
    yield Finding(SLUG, "package", "incomplete", f"{said} {astray}".rstrip(), outside[0], at_root=True)


def _astray(case: Case) -> str:
    """Return a sentence on a record folder that lies in no archive of the repository; "" where it does."""
    folder = case.submission.folder
    if not folder or in_archive(folder):
        return ""
    return f"The submission lies in {_short(folder)}/, not below {case.challenge.layout.archive}/."


def _places(paths: Sequence[str]) -> list[str]:
    """Return the files, or, when they are many, their folders with the number of files in each."""
    if len(paths) <= 3:
        return list(paths)
    folders = Counter(posixpath.dirname(path) or "the root" for path in paths)
    return [f"{_short(folder)} ({count})" for folder, count in folders.most_common()]


def _short(folder: str) -> str:
    """Return a folder with its middle left out where it is long: its end tells it from its neighbours."""
    return folder if len(folder) <= _WIDEST else f"{folder[: _WIDEST // 3]}…{folder[-_WIDEST // 2 :]}"


RULE = Rule(
    slug=SLUG,
    title="Changes outside the record folder",
    group="package",
    condition="package",
    summary="A pull request adds one new folder below records/ and nothing else. Files of the repository that it "
    "changes, other trees that it adds and further record folders are listed.",
    why="What lies outside is merged without belonging to the submission: it changes the challenge's own files, or "
    "brings code that no one has been asked to review.",
    advice="Trim the pull request to its record folder; open another one for a second submission.",
    counterpart="A pull request whose every file lies in one new records/<track>/<date_name>/ folder (#265).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "a pull request that only adds a new folder"),
        Authority("#53", "0hq", "2026-03", "official", "keep changes inside records"),
        Authority("#1031", "cocohearts", "2026-04", "official", "an extra tree at the top; trim"),
        Authority("#1120", "cocohearts", "2026-04", "official", "238 files outside the records folder; trim"),
        Authority("#1143", "cocohearts", "2026-04", "official", "two record folders in one pull request"),
    ),
    check=check,
    invalid=(
        Example(
            "a file of the repository is changed",
            SCRIPT,
            files=package(run_log()),
            status="incomplete",
            outside=("train_gpt.py",),
        ),
        Example(
            "a second record folder",
            SCRIPT,
            files=package(run_log()),
            status="incomplete",
            outside=("records/track_10min_16mb/2026-04-02_Other/train_gpt.py",),
        ),
        Example(
            "a tree of experiments at the top",
            SCRIPT,
            files=package(run_log()),
            status="incomplete",
            outside=tuple(f"sweeps/run_{n}.py" for n in range(40)),
        ),
    ),
    valid=(
        Example("the record folder alone", SCRIPT, files=package(run_log()), outside=()),
        Example("no diff is known", SCRIPT, files=package(run_log())),
        Example("further files within the folder", SCRIPT, files={"figures/loss.svg": "<svg/>"}, outside=()),
    ),
    known_problems="Only an audit of a commit knows the diff; a folder on disk does not tell.",
)
