"""The JSON holds what the contract names, and only values that JSON has."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from auditor import __version__
from auditor.cli import run
from auditor.finding import Overruled
from auditor.report import Comparison, Gone
from reports.contract import json_schema
from reports.schema import document, mean_bpb, std_bpb, to_json

REPORT_KEYS = {"submission", "name", "track", "sha", "script", "verdict", "recommendation", "compliance"}
REPORT_KEYS |= {"evidence", "package", "claims", "measured", "findings", "not_followed"}
FINDING_KEYS = {"rule", "group", "status", "active", "active_because", "path", "line", "end_line", "layer"}
FINDING_KEYS |= {"message", "trace", "authority", "advice", "severity", "confidence"}
RUN_KEYS = {"log", "seed", "val_bpb", "val_loss", "artifact_bytes", "train_seconds", "eval_seconds"}
RUN_KEYS |= {"steps", "world_size"}


def test_every_field_of_the_contract(flagged):
    out = to_json(flagged)
    assert set(out) >= REPORT_KEYS
    assert set(out["claims"]) == {"val_bpb", "artifact_bytes", "seeds"}
    assert set(out["measured"]) == {"runs", "mean_val_bpb", "std_val_bpb"}
    assert all(set(run) == RUN_KEYS for run in out["measured"]["runs"])
    assert all(set(finding) == FINDING_KEYS for finding in out["findings"])
    assert set(out["findings"][0]["trace"][0]) >= {"path", "line", "note"}
    assert set(out["not_followed"][0]) >= {"path", "line", "what"}
    assert out["compliance"] == {"verdict": "FLAG"}
    assert [f["active"] for f in out["findings"]] == [True, True, False]


def test_document(flagged):
    whole = document([to_json(flagged)])
    assert whole["schema_version"] == 1
    assert whole["tool"] == {"name": "golf-audit", "version": __version__}
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole


def test_measured_comes_from_the_logs_alone(flagged):
    measured = to_json(flagged)["measured"]
    assert measured["mean_val_bpb"] == 1.0925
    assert measured["std_val_bpb"] == 0.00070711  # sample standard deviation
    assert measured["runs"][1]["val_loss"] is None
    bare = to_json(dataclasses.replace(flagged, runs=()))["measured"]
    assert bare == {"runs": [], "mean_val_bpb": None, "std_val_bpb": None}


def test_one_run_has_a_mean_and_no_spread(flagged):
    assert mean_bpb(flagged.runs[:1]) == 1.092
    assert std_bpb(flagged.runs[:1]) is None


def test_a_log_that_lies_there_twice_counts_once(flagged):
    first, second = flagged.runs
    twice = (first, second, replace(first, log="train.log"))
    assert (mean_bpb(twice), std_bpb(twice)) == (1.0925, 0.00070711)
    unseeded = tuple(replace(run, seed=None, val_bpb=1.0) for run in twice)
    assert (mean_bpb(unseeded), std_bpb(unseeded)) == (1.0, 0.0)


def test_timeline_only_on_request(flagged):
    assert "timeline" not in to_json(flagged)
    assert to_json(flagged, timeline=True)["timeline"] == list(flagged.timeline)


def test_the_published_schema_is_what_the_types_say(capsys):
    published = Path(__file__).parents[2] / "docs" / "schema" / "check-1.json"
    assert run(["schema"]) == 0
    assert capsys.readouterr().out == published.read_text("utf-8"), "golf-audit schema > docs/schema/check-1.json"


def test_every_field_is_in_the_schema_and_every_document_is_valid(flagged):
    ruling = Overruled("mara", "2026-05-01", "https://example.org/1", "read the switch", "2026-11-01", "rulings.toml")
    finding = dataclasses.replace(flagged.findings[0], overruled=ruling, known=True)
    followed = dataclasses.replace(flagged.not_followed[0], known=False)
    report = dataclasses.replace(
        flagged,
        findings=(finding, *flagged.findings[1:]),
        not_followed=(followed,),
        baseline=Comparison(1, 2, (Gone("bogus-log", None, None, "x"),)),
    )
    schema = json_schema()
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False  # here; in the published one it stays open to what is added
    jsonschema.validate(json.loads(json.dumps(document([to_json(report, timeline=True)]))), schema)


def test_the_schema_refuses_what_the_contract_does_not_have(flagged):
    wrong = json.loads(json.dumps(document([to_json(flagged)])))
    wrong["reports"][0]["verdict"] = "MAYBE"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json_schema())
