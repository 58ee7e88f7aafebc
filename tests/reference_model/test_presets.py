"""Presets are the table of published systems, and a mistake in a TOML file is one line that names it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reference_model import presets
from reference_model.config import Model, Recurrence
from reference_model.errors import BadInput
from reference_model.model.recurrence import skip_rows
from reference_model.model.size import effective_layers, parameters

PARAMETERS = {
    "baseline": 17_059_912,
    "baseline-4h": 17_059_912,
    "depthscale": 36_183_592,
    "rec148": 17_140_056,
    "rec784": 17_140_056,
    "rec835": 17_140_056,
    "rec856": 17_140_056,
    "rec1384": 17_160_024,
    "rec895": 17_150_040,
    "rec1453": 23_662_344,
    "sp8192": 37_338_221,
    "f1334": 34_401_372,
    "f1421": 34_401_372,
    "f1413": 35_943_512,
    "f1493": 35_944_536,
    "f1855": 35_945_671,
    "share167": 6_037_528,
    "exp167-G": 22_368_841,
}


def written(folder: Path, text: str, name: str = "my.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_parameters_are_those_that_the_published_logs_print() -> None:
    counted = {name: parameters(presets.load(name).config.model) for name in presets.names()}
    assert counted.pop("demo") < 2_000_000
    assert counted == PARAMETERS


def test_a_low_rank_query_saves_what_was_published() -> None:
    model = presets.load("share167").config.model
    full = parameters(model)
    low = parameters(Model(layers=3, q_rank=192, recurrence=model.recurrence))
    assert full - low == 3 * 65_536


def test_skips_have_the_published_rows() -> None:
    rows = {name: skip_rows(presets.load(name).config.model) for name in presets.names()}
    assert {name: rows[name] for name in ("baseline", "share167", "f1334", "sp8192")} == {
        "baseline": 4,
        "share167": 4,
        "f1334": 5,
        "sp8192": 5,
    }
    assert (rows["f1413"], rows["f1493"], rows["f1855"], rows["rec148"]) == (7, 8, 8, 0)
    assert effective_layers(presets.load("f1493").config.model) == 17


def test_published_means_are_those_of_the_logs() -> None:
    def mean(name: str) -> float:
        rows = presets.load(name).published
        return sum(row.final for row in rows) / len(rows)

    assert mean("f1421") == pytest.approx(1.09247668, abs=1e-8)
    assert mean("f1493") == pytest.approx(1.08100, abs=1e-5)
    assert mean("f1855") == pytest.approx(1.06108, abs=1e-5)


def test_quirks_apply_in_published_mode_only_and_say_why_they_are_invalid() -> None:
    for name in presets.names():
        legal, published = presets.load(name), presets.load(name, "published")
        assert (legal.config.mode, published.config.mode) == ("legal", "published")
        assert legal.config.evaluate.hedge != "published"
        assert not legal.config.evaluate.ngram_published
        assert legal.config.evaluate.scored == "once"
        assert legal.config.model.bos_safe
        evaluate = published.config.evaluate
        if evaluate.hedge == "published" or evaluate.ngram_published or evaluate.scored != "once":
            assert not published.legal
    assert presets.load("rec1453", "published").config.evaluate.hedge == "published"
    assert "mixture sums" in presets.load("rec1453").invalid_because[0]


def test_a_file_inherits_tables_but_no_results(tmp_path: Path) -> None:
    own = written(tmp_path, 'base = "f1493"\n[model]\nqk_gain = 4.0\n[model.recurrence]\nrepeats = 2\n')
    mine, base = presets.load(own), presets.load("f1493")
    assert mine.name == "my"
    assert mine.published == ()
    assert (mine.config.model.qk_gain, mine.config.model.recurrence.repeats) == (4.0, 2)
    assert mine.config.optim == base.config.optim
    beside = written(tmp_path, 'base = "my.toml"\n', "beside.toml")
    assert presets.load(beside).config == mine.config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model]\nhedas = 3", "model.hedas is not a known key; did you mean model.heads?"),
        ("modle = 3", "modle is not a known key; did you mean model?"),
        ("[model.recurrence]\nkidn = 'x'", "model.recurrence.kidn is not a known key"),
        ("[quantize]\ngroups = [{ levls = 3 }]", "did you mean quantize.groups.levels?"),
        ("[quirks.model]\nbos = 1", "quirks.model.bos is not a known key; did you mean quirks.model.bos_safe?"),
        ("[[published]]\nfnal = 3", "did you mean published.final?"),
        ("[model]\nheads = 'x'", "model.heads: Expected `int`, got `str`"),
        ("[model]\nsmear = 'gatde'", "model.smear: no 'gatde' here; did you mean gated?"),
        ("[model]\nheads = 7", "model.dim 512 is not a multiple of model.heads 7"),
        ("[data]\nbatch_tokens = 1000", "data.batch_tokens 1000 must be a multiple of 8 rows"),
        ("base = 'f1943'", "base: no preset 'f1943'; did you mean f1493?"),
        ("base = 'my.toml'", "goes round in a circle"),
        ("base = 'gone.toml'", "gone.toml: No such file or directory"),
        ("[[[", "at line 1"),
        ("model = 3", "model: Expected `object`, got `int`"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        presets.load(path)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert message.startswith(str(tmp_path))


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(BadInput, match="no preset 'basline'; did you mean baseline"):
        presets.load("basline")


@pytest.mark.parametrize(
    ("recurrence", "said"),
    [
        (Recurrence(kind="span", first=3, last=9), "blocks 3 to 9 are not within"),
        (Recurrence(kind="shared", repeats=4, table_repeats=3), "table_repeats 3 is less"),
        (Recurrence(kind="shared", repeats=4, depth=((0.5, 6), (1.0, 4))), "repeats where the tables are sized"),
        (Recurrence(kind="unique", virtual_layers=2), "virtual_layers 2 is less"),
        (Recurrence(extra_eval_passes=1), "for kind 'unique' only"),
    ],
)
def test_schedules_that_can_not_run_are_refused(recurrence: Recurrence, said: str) -> None:
    from reference_model.config import Config, check

    with pytest.raises(BadInput, match=said):
        check(Config(model=Model(skips="none", recurrence=recurrence)))


def test_the_command_lists_presets_without_torch() -> None:
    # torch is installed where the tests run: make importing it fail, as where it is not.
    code = "import sys; sys.modules['torch'] = None; from auditor.cli import run; sys.exit(run(sys.argv[1:]))"
    listed = subprocess.run(
        [sys.executable, "-c", code, "presets", "--format", "json"], capture_output=True, text=True, check=True
    )
    rows = {row["name"]: row for row in json.loads(listed.stdout)["presets"]}
    assert {name: rows[name]["parameters"] for name in PARAMETERS} == PARAMETERS
    assert rows["f1493"]["published"][0]["total_bytes"] == 15_991_930
    assert not rows["rec856"]["legal"]
    text = subprocess.run([sys.executable, "-c", code, "presets"], capture_output=True, text=True, check=True).stdout
    assert any(line.split()[:3] == ["f1493", "35,944,536", "15,992,694"] for line in text.splitlines())
