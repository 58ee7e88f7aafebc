from __future__ import annotations

import base64
import hashlib
import zlib
from pathlib import Path

import pytest

from auditor.cli import run

INNER = b"print('hello')\r\n# \xe2\x82\xac\n"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    script = tmp_path / "train_gpt.py"
    payload = base64.b64encode(zlib.compress(INNER)).decode()
    script.write_text(f"import zlib,base64\nexec(zlib.decompress(base64.b64decode('{payload}')))\n")
    return script


def test_the_innermost_source_goes_to_standard_output(packed: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["unpack", str(packed)]) == 0
    out, err = capfdbinary.readouterr()
    assert (out, err) == (INNER, b"")


def test_a_plain_script_comes_out_as_it_is(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    script = tmp_path / "plain.py"
    script.write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    assert run(["unpack", str(script)]) == 0
    assert capfdbinary.readouterr().out == script.read_bytes()


def test_output_goes_to_a_file(packed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "inner.py"
    assert run(["unpack", str(packed), "--output", str(target)]) == 0
    assert target.read_bytes() == INNER
    assert capfd.readouterr().out == ""


def test_layers_are_listed(packed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["unpack", str(packed), "--layers"]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("0  the file itself  ")
    digest = hashlib.sha256(INNER).hexdigest()[:12]
    assert second == f"1  b64decode > zlib  {len(INNER)} bytes  2 lines  sha256 {digest}  train_gpt.py"


def test_what_cannot_be_opened_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "train_gpt.py"
    script.write_text("import zlib\nexec(zlib.decompress(open('gone\\x1b[31m\\u202e','rb').read()))\n")
    assert run(["unpack", str(script)]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "train_gpt.py:2" in err
    assert "not in the submission" in err
    assert err.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", ["absent.py", ".", "with\nnewline.py"])
def test_an_unreadable_script_is_wrong_usage(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["unpack", str(tmp_path / name)]) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "cannot read" in err


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret.py").write_text("SECRET = 1\n")
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "inner.py").symlink_to(tmp_path / "secret.py")
    script = folder / "train_gpt.py"
    script.write_text("exec(open('inner.py').read())\n")
    assert run(["unpack", str(script)]) == 1
    assert "SECRET" not in capfd.readouterr().out
