"""Rule examples as submissions."""

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
) -> Submission:
    """Return the record folder that holds ``code`` as its train script, and ``files`` beside it."""
    texts = {SCRIPT: code, **(files or {})}
    tree = MemoryTree({path: text.encode("utf-8") for path, text in texts.items()})
    return describe(
        tree, given=name, name=name, place=f"records/track_10min_16mb/{name}", script=SCRIPT, outside=outside
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
