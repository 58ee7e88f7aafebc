"""Where a program begins, what it calls by other ways than its name, and where following it ends."""

import pytest
from followed import followed

from auditor.timeline.engine import machine
from auditor.timeline.events import Adapt, Report

BODY = """
    net = Net()
    val = read("data/fineweb_val_*.bin")
    learn(net, val[:-1], val[1:])
    print(f"val_bpb:{bits(net(val[:-1], val[1:]).item())}")
"""


def updates(code, files=None):
    return [e for e in followed(code, files).events if isinstance(e, Adapt)]


@pytest.mark.parametrize(
    "code",
    [
        "def main():" + BODY + "if __name__ == '__main__':\n    main()\n",
        "def main():" + BODY + "main()\n",
        "def main(argv=None):" + BODY + "import sys\nsys.exit(main())\n",
        "class Run:\n  def __call__(self):" + BODY + "Run()()\n",
        "import functools\ndef main(n):" + BODY + "functools.partial(main, 1)()\n",
        "def main():" + BODY + "run = lambda f: f()\nrun(main)\n",
        "def main():" + BODY + "TABLE = {'main': main}\nTABLE['main']()\n",
        "def main():" + BODY + "[f() for f in (main,)]\n",
        "def twice(f):\n    def g(): return f()\n    return g\n@twice\ndef main():" + BODY + "main()\n",
        "class A:\n  @staticmethod\n  def main():" + BODY + "class B(A):\n    pass\nB.main()\n",
        "class A:\n  @classmethod\n  def main(cls):" + BODY + "A().main()\n",
        "async def main():" + BODY + "import asyncio\nasyncio.run(main())\n",
        "def main(rank):" + BODY + "import torch.multiprocessing as mp\nmp.spawn(main, nprocs=8)\n",
        "import modal\napp = modal.App()\n@app.local_entrypoint()\ndef main():" + BODY,
        "try:\n    pass\nfinally:\n    if True:" + BODY.replace("\n    ", "\n        "),
        "match 3:\n  case 3:" + BODY,
        "with torch.no_grad():\n  with torch.enable_grad():" + BODY,
    ],
)
def test_the_program_is_followed_from_here(code):
    assert len(updates(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "def main():" + BODY,
        "if __name__ == 'other':\n    if True:" + BODY.replace("\n    ", "\n        "),
        "if False:" + BODY,
        "while 0:" + BODY,
        "raise SystemExit\nif True:" + BODY,
    ],
)
def test_what_never_runs_is_not_followed(code):
    assert [e for e in updates(code) if e.bits & ~1] == []


def test_a_helper_module_is_followed_from_its_import():
    helper = (
        "import torch\ndef go(net, x, y):\n    net(x, y).backward()\n    torch.optim.SGD(net.parameters()).step()\n"
    )
    code = "import tools.helper as h\nnet, val = Net(), read('data/fineweb_val_*.bin')\nh.go(net, val[:-1], val[1:])\n"
    (update,) = updates(code, {"tools/helper.py": helper, "tools/__init__.py": ""})
    assert (update.site.source.path, update.site.line) == ("tools/helper.py", 4)


def test_the_module_that_is_running_is_found_by_its_name():
    assert len(updates("import sys\ndef main():" + BODY + "sys.modules[__name__].main()\n")) == 1


def test_a_call_that_cannot_be_followed_is_no_silence():
    timeline = followed("import sys\ndef main():" + BODY + "sys.modules[os.environ['WHICH']].main()\n")
    assert [u for u in timeline.unfollowed if u.decisive]


@pytest.mark.parametrize(
    "code",
    [
        "def f(): f()\nf()\n",
        "def f(n): return g(n)\ndef g(n): return f(n + 1)\nf(0)\n",
        "while True:\n    pass\n",
        "while True:\n    while True:\n        x = 1\n",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().y\n",
        "class A(A): pass\n",
        "x = []\nx.append(x)\nprint(x[0][0][0])\n",
        "d = {}\nd['d'] = d\nimport copy\ne = copy.deepcopy(d)\nprint(e['d']['d'])\n",
        "f = lambda g: g(g)\nf(f)\n",
        "def f(): yield from f()\nfor x in f(): pass\n",
        "import train_gpt\n",
    ],
)
def test_what_has_no_end_is_left(code):
    assert followed(code).steps < 100_000


def test_helpers_that_import_each_other():
    files = {"a.py": "import b\nX = 1\n", "b.py": "import a\nY = a.X\n"}
    assert followed("import a\n", files).steps < 1000


def test_the_budget_ends_it_and_is_decisive(monkeypatch):
    monkeypatch.setattr(machine, "MAX_STEPS", 400)
    timeline = followed("def main():" + BODY + "x = 1\n" * 400 + "main()\n")
    (note,) = [u for u in timeline.unfollowed if u.decisive]
    assert note.what == "the analysis stopped after 400 steps"
    assert timeline.steps <= 450


def test_a_report_is_where_the_score_is_told():
    (report,) = [e for e in followed("def main():" + BODY + "main()\n").events if isinstance(e, Report)]
    assert report.label == "val_bpb:"
    assert [step.name for step in report.calls] == ["main"]
