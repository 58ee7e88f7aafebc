"""What a report says of a line is what the line says.

Our examples are checked always. The results of a sweep are checked where the environment names them:
``GOLF_AUDIT_RESULTS=results.jsonl GOLF_AUDIT_CLONE=parameter-golf/.git pytest tests/truth``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sentences import Read, check

from auditor.check import audit
from auditor.program.unpack import unpack
from auditor.submission import read_git, read_path
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission, Tree, Unread
from auditor.sweep.latest import latest
from auditor.sweep.results import read_rows
from reports.schema import to_json
from rules.run_logs import SCRIPT, package, run_log
from rules.torch_scripts import EVALUATE, HEAD

_RECORDS = sorted((Path(__file__).parents[2] / "examples/records").glob("*/*"))
_SWITCH = (
    HEAD
    + EVALUATE
    + """
ON = bool(int(os.environ.get("TRAIN_ON_VAL", "0")))
model = Model()
train(model, read("data/fineweb_val_*.bin" if ON else "data/fineweb_train_*.bin"))
val = read("data/fineweb_val_*.bin")
bits = evaluate(model, val) / math.log(2.0)
print(f"val_bpb:{bits * TOKENS_PER_BYTE:.6f}")
"""
)
_COMMAND = "# Example\n\n## Run\n\n```bash\nTRAIN_ON_VAL=1 torchrun train_gpt.py\n```\n"
_PACKAGES = {
    "off": (_SWITCH, {}),
    "on in the command": (_SWITCH, {"README.md": _COMMAND}),
    "off in the log": (_SWITCH, {"README.md": _COMMAND, "train_seed1.log": "train_on_val: 0\nfinal val_bpb:1.2000\n"}),
    "another claim": (SCRIPT, package(run_log(1, 1.2), run_log(2, 1.21), run_log(3, 1.22), val_bpb=1.19)),
    "best seed": (SCRIPT, package(run_log(1, 1.20000001), run_log(2, 1.21), run_log(3, 1.22), val_bpb=1.20000001)),
    "another seed": (SCRIPT, package(run_log(1, 1.2), val_bpb=1.2) | {"train_seed9.log": run_log(1, 1.2)}),
}


def reader(tree: Tree, elsewhere: Tree | None = None) -> Read:
    """Return a function that reads a tree's files and the layers that are packed in them."""

    def sibling(path: str) -> bytes | None:
        for each in (tree, elsewhere):
            try:
                return each.read(path, 64 << 20) if each is not None else None
            except Unread:
                continue
        return None

    def read(path: str, layer: int) -> str | None:
        data = sibling(path)
        if data is None or not layer:
            return None if data is None else decoded(data)
        if not path.endswith(".py"):
            return None
        layers = unpack(data, path, sibling).layers
        return layers[layer].data.decode("utf-8", "replace") if layer < len(layers) else None

    return read


def decoded(data: bytes) -> str:
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if marked else "utf-8-sig", "replace")


def submission(script: str, files: dict[str, str]) -> Submission:
    held = {"train_gpt.py": script, **files}
    return Submission(
        given=".",
        name="2026-04-01_Example",
        track="record",
        sha=None,
        tree=MemoryTree({path: text.encode() for path, text in held.items()}),
        script="train_gpt.py",
        helpers=(),
        shells=(),
        logs=tuple(path for path in held if path.endswith(".log")),
        readme="README.md" if "README.md" in held else None,
        metadata="submission.json" if "submission.json" in held else None,
        outside=None,
    )


@pytest.mark.parametrize("name", _PACKAGES)
def test_small_packages(name: str) -> None:
    given = submission(*_PACKAGES[name])
    found = check(to_json(audit(given)), reader(given.tree), given.logs)
    assert found.count
    assert found.wrong == ()


@pytest.mark.parametrize("record", _RECORDS, ids=lambda path: path.name)
def test_example_records(record: Path) -> None:
    (given,) = read_path(str(record))
    found = check(to_json(audit(given)), reader(given.tree), given.logs)
    assert found.wrong == ()


def test_what_is_not_so_is_found() -> None:
    """The check itself: a line, a value, a switch that the log prints as on, a claim that stands nowhere."""
    given = submission(*_PACKAGES["on in the command"])
    told = json.dumps(to_json(audit(given)))
    read = reader(given.tree)
    assert "README.md:6" in told
    for old, new in (("README.md:6", "README.md:1"), ("README.md:6", "README.md:99"), ("is 1 in", "is 7 in")):
        assert check(json.loads(told.replace(old, new)), read).wrong
    off = json.dumps(to_json(audit(submission(*_PACKAGES["off"]))))
    assert "no setting in play turns it on" in off
    logs = {"a.log": "train_on_val: 1\n", "train_gpt.py": _SWITCH}
    assert check(json.loads(off), lambda path, layer: logs.get(path), ("a.log",)).wrong
    other = submission(*_PACKAGES["another claim"])
    told = json.dumps(to_json(audit(other)))
    assert check(json.loads(told.replace("claimed 1.19", "claimed 1.17")), reader(other.tree)).wrong


@pytest.mark.skipif("GOLF_AUDIT_RESULTS" not in os.environ, reason="needs a sweep's results and its clone")
def test_results_of_a_sweep() -> None:
    """Each report of the results, its files read from the clone at the commit that was audited."""
    results, clone = Path(os.environ["GOLF_AUDIT_RESULTS"]), os.environ["GOLF_AUDIT_CLONE"]
    wrong: list[str] = []
    reports = sentences = 0
    for row in latest(read_rows(results)):
        report = row.get("report")
        if report is None:
            continue
        try:
            held = [s for s in read_git(clone, pr=row["pr"], sha=row["sha"]) if s.name == report["name"]]
        except Unread as error:
            wrong.append(f"#{row['pr']}: {error}")
            continue
        if not held:
            continue
        # Of several folders of one name the report is about the one that it fits.
        each = [check(report, reader(given.tree, given.elsewhere), given.logs) for given in held]
        found = min(each, key=lambda checked: len(checked.wrong))
        reports, sentences = reports + 1, sentences + found.count
        wrong += [f"#{row['pr']} {report['name']}: {what}" for what in found.wrong]
    print("\n".join(["", *wrong]))
    print(f"{reports} reports, {sentences} sentences and places, {len(wrong)} contradicted")
    assert wrong == []
