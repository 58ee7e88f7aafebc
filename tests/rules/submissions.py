"""Rule examples as submissions."""

from auditor.challenge import find
from auditor.rule import Example
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission

SCRIPT = "train_gpt.py"


def submission(
    code: str,
    files: dict[str, str] | None = None,
    name: str = "2026-04-01_Example",
    outside: tuple[str, ...] | None = None,
    challenge: str = "parameter-golf",
    track: str | None = None,
) -> Submission:
    """Return the record folder that holds ``code`` as its train script (none where it is empty), and ``files``."""
    texts = {**({SCRIPT: code} if code else {}), **(files or {})}
    track = track or find(challenge).tracks[0].folder
    tree = MemoryTree({path: text.encode("utf-8") for path, text in texts.items()})
    return describe(
        tree, given=name, name=name, place=f"records/{track}/{name}", script=SCRIPT if code else None, outside=outside
    )


def line_of(example: Example) -> tuple[str, int] | None:
    """Return the file and line that hold the example's deciding text; it must stand in exactly one line."""
    if example.line is None:
        return None
    places = [
        (path, number)
        for path, text in {SCRIPT: example.code, **example.files}.items()
        for number, line in enumerate(text.split("\n"), start=1)
        if example.line in line
    ]
    assert len(places) == 1, f"{example.title}: {example.line!r} stands in {len(places)} lines"
    return places[0]
