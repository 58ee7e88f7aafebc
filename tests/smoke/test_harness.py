"""Whole scripts, through the sandbox: what is stood in for, what is blamed, and that nothing is believed."""

import base64
import dataclasses
import lzma

import pytest

pytest.importorskip("torch", reason="smoke runs scripts, which need torch")

import scripts

from auditor.sandbox.run import mechanism
from auditor.smoke.runner import smoke
from auditor.submission import read_path

pytestmark = pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a stranger's script")


@pytest.fixture
def run(tmp_path):
    def call(source, seconds=90.0, **files):
        folder = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Name"
        folder.mkdir(parents=True)
        for name, text in {"train_gpt.py": source, **{n.replace("__", "."): t for n, t in files.items()}}.items():
            (folder / name).write_text(text)
        (submission,) = read_path(str(folder))
        return smoke(submission, seconds=seconds)

    return call


def statuses(report):
    return {step.name: step.status for step in report.steps}


def test_a_trainer_for_gpus_passes_with_its_stand_ins_named(run):
    report = run(scripts.PLAIN, train__log=f"model_params:{scripts.PARAMETERS}\nstep:1/5 val_bpb:1.2\n")
    assert set(statuses(report).values()) == {"PASS"}, report
    assert report.facts["parameters"] == scripts.PARAMETERS
    assert (report.facts["vocab"], report.facts["dim"], report.facts["kv_heads"]) == (1024, 64, 2)
    assert abs(report.facts["loss"] - 6.93) < 0.3
    assert {"torch.compile", "torch.distributed", "data shards", "sentencepiece", "program nvidia-smi"} <= set(
        report.stand_ins
    )


def test_data_elsewhere_and_a_packed_script_are_found(run):
    packed = base64.b85encode(lzma.compress(scripts.ELSEWHERE.encode())).decode()
    report = run(f"import lzma as L, base64 as B\nexec(L.decompress(B.b85decode('{packed}')))\n")
    assert statuses(report)["loss"] == "PASS", report


def test_flash_attention_has_a_meaning_on_a_cpu(run):
    report = run(scripts.FLASH)
    assert statuses(report)["loss"] == "PASS", report
    assert "flash_attn_interface.flash_attn_func" in report.stand_ins


def test_a_triton_kernel_is_named_and_not_blamed(run):
    report = run(scripts.TRITON)
    forward = report.step("forward")
    assert statuses(report)["model"] == "PASS" and not report.failed
    assert (forward.status, forward.cause) == ("SKIP", "kernel") and "gate" in forward.reason


def test_a_script_s_own_eager_way_is_taken_where_a_kernel_can_t_run(run):
    report = run(scripts.FUSED)
    assert statuses(report)["loss"] == "PASS" and "fused kernels off" in report.step("forward").reason, report


def test_a_loss_that_knows_the_answer_fails(run):
    assert statuses(run(scripts.LEAK))["loss"] == "FAIL"


@pytest.mark.parametrize(
    ("source", "step", "cause"),
    [
        (scripts.NO_PACKAGE, "import", "package"),
        (scripts.RAISES, "model", "script"),
        (scripts.ENDS, "model", "exit"),
        (scripts.DIES, "import", "crash"),
        (scripts.PRINTS, "import", "output"),
        ("def broken(:\n", "import", "python"),
    ],
)
def test_a_failure_is_classified(run, source, step, cause):
    found = run(source).step(step)
    assert (found.status, found.cause) == ("FAIL", cause), found


def test_a_script_that_never_ends_is_stopped(run):
    assert run(scripts.LOOPS, seconds=12.0).step("import").cause == "wallclock"


def test_a_setting_that_the_script_refuses_gives_way_to_its_defaults(run):
    report = run(scripts.PLAIN, README__md="```\nMODEL_DIM=many torchrun train_gpt.py\n```\n")
    assert statuses(report)["forward"] == "PASS"
    assert report.setting.startswith("the script's defaults (under README.md")


def test_a_forged_result_is_bounded_and_shown_as_text(run):
    from reports.smoke import to_json

    report = run(scripts.FORGES)
    shown = to_json([report])
    assert "\u202e" not in shown and "\\u001b" not in shown and "\\u202e" not in shown
    assert statuses(report)["import"] == "FAIL" and dataclasses.asdict(report)["facts"].get("loss") is None


SAVES = """
import os
import numpy
import torch

torch.save({"rows": numpy.arange(3), "step": numpy.float64(2.0)}, "kept.pt")
assert torch.load("kept.pt")["step"] == 2.0
"""


def test_a_script_loads_what_it_saved_as_older_torch_did(run):
    assert set(statuses(run(SAVES + scripts.PLAIN)).values()) == {"PASS"}
