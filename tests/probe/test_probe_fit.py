"""Which settings are tried until a script goes to its end."""

from types import SimpleNamespace

from auditor.evidence.read import read_evidence
from auditor.probe import probe
from auditor.smoke.plan import plan
from auditor.submission import read_path

SCRIPT = "import os, torch\nwidth = int(os.environ.get('WIDTH', 4))\ntorch.nn.Linear(width, 1)\n"
README = "```\nWIDTH=8 TABLE_PATH=./data/table.npz python train_gpt.py\n```\n"
FAILED = (SimpleNamespace(name="failed", text=lambda _name: "script"),)


class Lab:
    """Notes what it is asked to run, and fails as long as ``fails`` says so."""

    def __init__(self, submission, fails):
        self.submission, self.fails = submission, fails
        self.planned = plan(submission, read_evidence(submission))
        self.bare, self.train, self.ran, self.tried = False, 1 << 17, [], []

    def run(self, _draw):
        self.tried.append(dict(self.planned.environment))
        trouble = self.fails(self.planned.environment)
        self.ran.append(SimpleNamespace(trouble=trouble, events=FAILED, sites={}))
        return self.ran[-1]


def tried(tmp_path, fails):
    folder = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Name"
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text(SCRIPT)
    (folder / "README.md").write_text(README)
    (submission,) = read_path(str(folder))
    lab = Lab(submission, fails)
    probe._fit(lab, None)
    return lab.tried


def test_a_documented_file_that_is_missing_costs_no_documented_switch(tmp_path):
    def fails(environment):
        return "FileNotFoundError: TABLE_PATH does not exist" if "TABLE_PATH" in environment else None

    assert tried(tmp_path, fails) == [{"WIDTH": "8", "TABLE_PATH": "./data/table.npz"}, {"WIDTH": "8"}]


def test_another_failure_goes_to_the_defaults(tmp_path):
    ran = tried(tmp_path, lambda environment: "ValueError: width" if environment else None)
    assert ran[-1] == {} and all("TABLE_PATH" in each for each in ran[:-1])
