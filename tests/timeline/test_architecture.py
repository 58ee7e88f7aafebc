"""What no import-linter contract names: folders it can't see, trackers that no layer holds, a tracker taken away."""

import ast
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from followed import loaded

from auditor.timeline import trackers
from auditor.timeline.engine.asking import KINDS
from auditor.timeline.engine.machine import Machine
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.library import Libraries

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("auditor", "rules", "reports", "reference_model")
TIMELINE = ROOT / "auditor" / "timeline"
ROOMS = TIMELINE / "trackers"

SCRIPT = """
val = read("data/fineweb_val_*.bin")
net = Net()
learn(net, val[:-1], val[1:])
key = (val[1:] * 31) ^ val[:-1]
counts = torch.zeros(65536)
counts.scatter_add_(0, key, torch.ones(len(key)))
torch.save(net.state_dict(), "final.pt")
print(f"val_bpb:{bits(net(val[:-1], val[1:]) + counts[key])}")
"""


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_of_imports(package: str) -> None:
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    TopologicalSorter({m: graph.find_modules_directly_imported_by(m) for m in graph.modules}).prepare()


def test_no_long_file_in_the_timeline() -> None:
    long = {path.name: n for path in TIMELINE.rglob("*.py") if (n := len(path.read_text().splitlines())) > 400}
    assert long == {}


def test_every_tracker_has_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["auditor.timeline.trackers"])
    named = {room.strip() for layer in layers for room in layer.split("|")}
    assert named == {room.name for room in ROOMS.iterdir() if (room / "__init__.py").is_file()}


def _imports(path: Path) -> set[str]:
    """Return every module that a file names in an import, under TYPE_CHECKING and inside functions, too."""
    tree = ast.parse(path.read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", sorted((ROOT / "auditor/timeline/engine").glob("*.py")), ids=lambda path: path.stem)
def test_the_engine_names_no_tracker_and_no_library(path: Path) -> None:
    above = ("auditor.timeline.trackers", "auditor.timeline.library")
    assert not [name for name in _imports(path) if name.startswith(above)]


def test_a_tracker_hears_only_signals_that_are_told() -> None:
    inherited = set(dir(Tracker))
    for kind in trackers.found():
        overridden = {name for name in vars(kind) if name in inherited and not name.startswith("_")}
        assert overridden - {"rank"} <= set(KINDS), kind


LEAVES = (
    "native",
    "selection",
    "counts",
    "metric",
    "slots",
    "calibration",
    "fallbacks",
    "files",
    "forwards",
    "ledger",
    "network",
)


@pytest.mark.parametrize("room", LEAVES)
def test_a_room_taken_away_breaks_nothing(room: str) -> None:
    kinds = [kind for kind in trackers.found() if f".trackers.{room}." not in f"{kind.__module__}."]
    assert len(kinds) < len(trackers.found())
    program, settings = loaded(SCRIPT)
    timeline = Machine(program, settings, Libraries(), kinds).run()
    assert any(type(event).__name__ == "Report" for event in timeline.events)
