"""A baseline tells what is new from what is known, wherever the lines have gone."""

import json
from pathlib import Path

import pytest

from auditor import catalogue
from auditor.cli import run

MORE = """
def adapt_more(model, tokens):
    rmsprop = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for at in range(0, tokens.numel() - 1025, 1024):
        model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]).backward()
        rmsprop.step()

adapt_more(model, val)
bits ="""
OFF = ("\nadapt(model, val", "\nif False:\n    adapt(model, val")
NOTE = ("\nadapt(model, val", "\nif os.environ.get('ADAPT', '0') == '1':\n    adapt(model, val")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a submission of which one violation is known; known.json says so."""
    office = tmp_path / "office"
    office.mkdir()
    monkeypatch.chdir(office)
    (office / "golf-audit.toml").write_text('select = ["prequant-ttt", "parse-error"]\n', "utf-8")
    folder = tmp_path / "theirs" / "records" / "track_10min_16mb" / "2026-04-01_Name"
    folder.mkdir(parents=True)
    rule = catalogue.find("prequant-ttt")
    (folder / "train_gpt.py").write_text(rule.invalid[0].code, "utf-8")
    remember(folder)
    return folder


def remember(folder):
    assert run(["baseline", str(folder), "--output", "known.json"]) == 0


def against(capsys, folder, *options):
    """Return the exit code of a check, its counts, and (rule, known) of what counts."""
    capsys.readouterr()
    code = run(["check", str(folder), "--baseline", "known.json", "--format", "json", *options])
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    counts = report["baseline"]
    marked = [(f["rule"], f["known"]) for f in report["findings"] if "known" in f]
    return code, (counts["known"], counts["new"], len(counts["gone"])), marked


def edit(folder, old, new):
    script = folder / "train_gpt.py"
    text = script.read_text("utf-8")
    assert old in text
    script.write_text(text.replace(old, new), "utf-8")


def test_what_is_known_does_not_count_wherever_it_has_moved(folder, capsys):
    known = [("prequant-ttt", True)]
    assert against(capsys, folder) == (0, (1, 0, 0), known)
    edit(folder, "def adapt", "# moved\n\n\n\ndef adapt")
    edit(folder, "    sgd.step()", "    sgd.step( )")
    assert against(capsys, folder)[:2] == (1, (0, 1, 1))  # a changed line is another
    edit(folder, "    sgd.step( )", "    sgd.step()")
    assert against(capsys, folder) == (0, (1, 0, 0), known)


def test_a_new_finding_counts_beside_known_ones(folder, capsys):
    edit(folder, "\nbits =", MORE)
    code, counts, marked = against(capsys, folder)
    assert (code, counts) == (1, (1, 1, 0))
    assert sorted(marked) == [("prequant-ttt", False), ("prequant-ttt", True)]
    run(["check", str(folder), "--baseline", "known.json"])
    out = capsys.readouterr().out
    assert "\nFLAG  prequant-ttt  train_gpt.py:" in out
    assert "\n  known  FLAG  prequant-ttt  train_gpt.py:" in out
    assert "\nbaseline: 1 known, 1 new, 0 gone\nverdict FLAG" in out


def test_of_two_lines_alike_one_is_known(folder, capsys):
    edit(folder, "\nbits =", MORE.replace("rmsprop", "sgd"))
    assert against(capsys, folder)[:2] == (1, (1, 1, 0))


def test_what_weighs_more_than_it_did_is_new(folder, capsys):
    edit(folder, *NOTE)
    remember(folder)
    assert against(capsys, folder) == (0, (0, 0, 0), [])
    edit(folder, "'ADAPT', '0'", "'ADAPT', '1'")
    assert against(capsys, folder) == (1, (0, 1, 0), [("prequant-ttt", False)])


def test_what_is_gone_is_counted_among_the_rules_that_were_applied(folder, capsys):
    edit(folder, *OFF)
    assert against(capsys, folder)[:2] == (0, (0, 0, 1))
    assert against(capsys, folder, "--select", "parse-error")[1] == (0, 0, 0)
    run(["check", str(folder), "--baseline", "known.json"])
    assert "\n  gone  prequant-ttt  was at train_gpt.py:" in capsys.readouterr().out


def test_another_name_is_another_submission(folder, capsys):
    assert against(capsys, folder.rename(folder.with_name("2026-04-02_Other")))[:2] == (1, (0, 1, 0))


def test_an_unreadable_script_is_never_known(folder, capsys):
    (folder / "train_gpt.py").write_text("def f(:\n", "utf-8")
    remember(folder)
    assert against(capsys, folder)[0] == 1


def test_no_baseline_is_written_from_half_of_the_inputs(folder, capsys):
    assert run(["baseline", str(folder), "missing", "--output", "half.json"]) == 2
    assert not Path("half.json").exists()
    assert "no baseline is written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no baseline: "),
        ('{"submissions": {}}', "is no baseline: "),
        ('{"schema_version": 2, "submissions": {}}', "is a baseline of version 2, not 1"),
        ("[" * 100_000, "is no baseline: "),
        (None, "cannot be read: "),
    ],
)
def test_a_wrong_baseline_is_one_line(text, said, folder, capsys):
    capsys.readouterr()
    if text is not None:
        Path("wrong.json").write_text(text, "utf-8")
    assert run(["check", str(folder), "--baseline", "wrong.json"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"golf-audit: wrong.json: {said}")
    assert err.count("\n") == 1
