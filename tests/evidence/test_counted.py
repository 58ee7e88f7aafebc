"""Which runs and sizes a claimed score rests on, where a submission names several evaluations."""

import json

import pytest

from auditor.evidence.counted import counted_runs
from auditor.evidence.logs import read_log
from auditor.evidence.metadata import read_metadata
from auditor.evidence.model import Evidence
from auditor.evidence.scored import finished

EVALUATED = "seed: {seed}\nadapted val_bpb: {bpb}\n"


def of(metadata: dict[str, object], *scores: float) -> Evidence:
    logs = [EVALUATED.format(seed=seed, bpb=bpb) for seed, bpb in enumerate(scores, start=7)]
    read = tuple(read_log(f"eval_{number}.log", text.encode()) for number, text in enumerate(logs))
    return Evidence(logs=read, metadata=read_metadata("submission.json", json.dumps(metadata).encode()))


def test_the_scores_of_another_evaluation_are_not_those_behind_the_claim() -> None:
    claims: dict[str, object] = {
        "val_bpb": 1.1364,
        "val_bpb_per_seed": {"7": 1.1370, "8": 1.1358},
        "adapted_bpb_per_seed": {"7": 1.2064, "8": 1.2046},
    }
    assert not any(each.claimed for each in counted_runs(of(claims, 1.2064, 1.2046)))
    assert all(each.claimed for each in counted_runs(of(claims, 1.1370, 1.1358)))


@pytest.mark.parametrize(
    "line", ["mean artifact: 15,553,866 bytes", "Est. artifact: 15.79 MB", "예상 artifact: 15.79 MB"]
)
def test_what_is_expected_or_averaged_is_no_size_of_a_run(line: str) -> None:
    (run,) = read_log("train.log", f"seed:7\n{line}\nfinal val_bpb:1.2345\n".encode()).runs
    assert run.artifact_bytes is None


def test_a_training_log_and_the_log_of_its_evaluation_tell_of_one_run() -> None:
    training = "step:10/10 train_loss:2.1 train_time:600000ms\nfinal val_bpb:1.2420\n"
    logs = {"train.log": training, "eval.log": "windows done\nadapted val_bpb:1.198562\n"}
    read = tuple(read_log(path, text.encode()) for path, text in logs.items())
    assert [run.path for run in finished(Evidence(logs=read))] == ["eval.log"]
