"""A payload of several files, written to a temporary folder and started from there: each way in is followed."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from auditor.program import ir
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.program.unpack import unpack
from auditor.program.unpack.model import LaterCall
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree

FILES = {
    "trainer.py": "def main(size=1):\n    print('val_bpb', size)\n",
    "launcher.py": "import trainer\n\ndef start(size=1):\n    trainer.main(size)\n",
}
BLOB = base64.b85encode(zlib.compress(json.dumps(FILES).encode())).decode()
WRAPPER = f"""import base64, importlib, importlib.util, json, os, runpy, subprocess, sys, tempfile, zlib
FILES = json.loads(zlib.decompress(base64.b85decode({BLOB!r})))
HOME = tempfile.mkdtemp()
for name, text in FILES.items():
    with open(os.path.join(HOME, name), "w") as f:
        f.write(text)
sys.path.insert(0, HOME)
"""
START = (LaterCall("start"),)

WAYS: dict[str, tuple[str, str, tuple[LaterCall, ...]]] = {
    "started": ("subprocess.run([sys.executable, os.path.join(HOME, 'launcher.py')])", "__main__", ()),
    "started as a module": ("subprocess.run([sys.executable, '-m', 'launcher'], cwd=HOME)", "__main__", ()),
    "started in its folder": ("os.chdir(HOME)\nos.system('python launcher.py')", "__main__", ()),
    "run by path": ("runpy.run_path(os.path.join(HOME, 'launcher.py'))", "<run_path>", ()),
    "run by path as main": ("runpy.run_path(f'{HOME}/launcher.py', run_name='__main__')", "__main__", ()),
    "run by path and called": ("runpy.run_path(HOME + '/launcher.py')['start']()", "<run_path>", START),
    "run as a module": ("runpy.run_module('launcher', None, '__main__')", "__main__", ()),
    "imported by name": ("importlib.import_module('launcher').start(3)", "launcher", (LaterCall("start", (3,)),)),
    "imported by a function": ("m = __import__('launcher')\ngetattr(m, 'start')(sys.argv)", "launcher", ()),
    "loaded from its file": (
        "s = importlib.util.spec_from_file_location('launcher', os.path.join(HOME, 'launcher.py'))\n"
        "m = importlib.util.module_from_spec(s)\ns.loader.exec_module(m)\nm.start()",
        "launcher",
        START,
    ),
    "run in a namespace": ("ns = {}\nexec(FILES['launcher.py'], ns)\nns['start']()", "builtins", START),
    "run in a named one": (
        "ns = {'__name__': 'other'}\nexec(compile(FILES['launcher.py'], 'x', 'exec'), ns)\nns['start']()",
        "other",
        START,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_started_and_what_is_called_of_it(way: str) -> None:
    code, runs_as, later = WAYS[way]
    opened = unpack((WRAPPER + code + "\n").encode(), "train_gpt.py", lambda _: None)
    assert opened.failure is None
    last = opened.layers[-1]
    assert last.data.decode() == FILES["launcher.py"]
    assert opened.files["trainer.py"].decode() == FILES["trainer.py"]
    assert last.runs_as == runs_as
    if way == "imported by a function":
        later = (LaterCall("start", (None,)),)
    assert last.later == later


def test_a_launcher_that_unpacks_the_next_layer_in_what_is_called() -> None:
    inner = base64.b64encode(FILES["trainer.py"].encode()).decode()
    launcher = f"import base64\ndef start():\n    exec(base64.b64decode({inner!r}), globals())\n"
    script = (
        "import base64, importlib, sys\n"
        f"open('/tmp/launcher.py', 'wb').write(base64.b64decode({base64.b64encode(launcher.encode()).decode()!r}))\n"
        "sys.path.insert(0, '/tmp')\nimportlib.import_module('launcher').start()\n"
    )
    opened = unpack(script.encode(), "train_gpt.py", lambda _: None)
    assert [layer.data.decode() for layer in opened.layers[1:]] == [launcher, FILES["trainer.py"]]


def test_the_program_ends_with_the_call_and_knows_its_own_name() -> None:
    script = WRAPPER + WAYS["imported by name"][0] + "\n"
    tree = MemoryTree({"train_gpt.py": script.encode(), "README.md": b"# Launched\n"})
    place = "records/track_10min_16mb/2026-04-01_Launched"
    program = load_program(describe(tree, given="x", name="x", place=place, script="train_gpt.py"))
    assert isinstance(program, Program)
    module = program.main.module
    assert module is not None
    named, called = module.body[0], module.body[-1]
    assert isinstance(named, ir.Assign) and isinstance(named.value, ir.Const) and named.value.value == "launcher"
    assert isinstance(called, ir.ExprStmt) and isinstance(called.value, ir.Call)
    assert isinstance(called.value.func, ir.Name) and called.value.func.id == "start"
    assert "trainer.py" in program.units
