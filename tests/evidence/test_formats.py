"""Every row of the catalogue reads its own example, and nothing reads what is not a measurement."""

from __future__ import annotations

import pytest

from auditor.evidence.formats import FORMATS, SIZES, TIMES, Format, lowered, reads
from auditor.evidence.metrics import ROLES, RoleRow, parse_metric, role_of


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_a_row_reads_its_example(row: Format) -> None:
    found = row.read(row.example, lowered(row.example))
    assert {name: found.get(name) for name in row.reads} == dict(row.reads)
    assert row.cue in lowered(row.example)
    assert row.cue == row.cue.lower()
    assert row in [r for r, _ in reads(row.example)]


def test_rows_have_their_own_names_and_units() -> None:
    assert len({row.name for row in FORMATS}) == len(FORMATS)
    for row in FORMATS:
        measured = set(row.pattern.groupindex) & (TIMES | SIZES)
        assert bool(row.unit) == bool(measured), row.name
        assert row.pattern.pattern == row.pattern.pattern.replace("NVIDIA", "nvidia")


@pytest.mark.parametrize("row", ROLES, ids=lambda row: row.example[:40])
def test_a_role_knows_its_example(row: RoleRow) -> None:
    assert role_of(row.example.lower()) == row.role


@pytest.mark.parametrize(
    ("text", "label", "role", "bpb", "loss", "seconds"),
    [
        (
            "final_int8_zlib_roundtrip_exact val_loss:2.07 val_bpb:1.2243657",
            "final_int8_zlib_roundtrip_exact",
            "final",
            1.2243657,
            2.07,
            None,
        ),
        (
            "quantized_ttt_phased val_loss:3.0 val_bpb:1.0596 eval_time:294173ms",
            "quantized_ttt_phased",
            "final",
            1.0596,
            3.0,
            294.173,
        ),
        (
            "ttt_sliding:done val_loss=1.89 val_bpb=1.119 elapsed=419.3s",
            "ttt_sliding:done",
            "final",
            1.119,
            1.89,
            419.3,
        ),
        ("q_sw_x vl:1.92 bpb:1.1386 s:64 t:94699ms", "q_sw_x", "final", 1.1386, 1.92, 94.699),
        ("XSA BPB:       1.031403", "XSA", "final", 1.031403, None, None),
        (
            "final_slot val_loss:1.1 val_bpb:0.69 steps:64 lr:0.01 time:825384ms",
            "final_slot",
            "final",
            0.69,
            1.1,
            825.384,
        ),
        ("summary val_bpb:1.2 steps:8064 lr:0.01 time:825384ms", "summary", "final", 1.2, None, None),
        ("Legal TTT:             1.198562 bpb", "Legal TTT", "final", 1.198562, None, None),
        ("[RESULT] run=1 | score=1.1888 | size=15,708,798B", "RESULT] run=1", "final", 1.1888, None, None),
        ("1200/20000 val_loss: 2.5 val_bpb: 1.5", "1200/20000", "step", 1.5, 2.5, None),
        (
            "DIAGNOSTIC post_ema val_loss:1.9 val_bpb:1.13 eval_time:2012ms",
            "DIAGNOSTIC post_ema",
            "pre-quant",
            1.13,
            1.9,
            2.012,
        ),
        (
            "diagnostic quantized val_loss:2.8 val_bpb:1.08 eval_time:9294ms",
            "diagnostic quantized",
            "final",
            1.08,
            2.8,
            9.294,
        ),
        ("compare llm_bpb:1.114 agree_bpb:1.111 gain_bpb:0.003", "compare", "final", 1.111, None, None),
        ("ttt_improvement: 0.0316 bpb", "ttt_improvement", "reference", 0.0316, None, None),
        ('"val_bpb": 1.13109294,', "", "final", 1.13109294, None, None),
    ],
)
def test_metric_lines(text: str, label: str, role: str, bpb: float, loss: float | None, seconds: float | None) -> None:
    metric = parse_metric(text, lowered(text), "a.log", 3)
    assert metric is not None
    assert (metric.label, metric.role, metric.val_bpb) == (label, role, bpb)
    assert (metric.val_loss, metric.line) == (loss, 3)
    assert metric.seconds == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    "text",
    [
        "val_bpb:enabled tokenizer_kind=sentencepiece",
        'log0(f"final val_bpb:{val_bpb:.4f}")',
        "val_bpb:nan",
        "step:5/10 train_loss:2.0",
        "BPB (bits per byte)",
    ],
)
def test_lines_without_a_score(text: str) -> None:
    assert parse_metric(text, lowered(text), "a.log", 1) is None


def test_lowering_keeps_positions() -> None:
    text = "İİ GPU: NVIDIA H100 80GB HBM3"
    assert len(lowered(text)) == len(text)
    assert [found for _, found in reads(text)] == [{"gpu": "NVIDIA H100 80GB HBM3"}]


@pytest.mark.parametrize(
    ("text", "seed"), [("train.seed = 42", 42), ("args.seed: 7", 7), ("data.shuffle_seed = 3", None)]
)
def test_a_seed_under_the_name_of_its_group(text: str, seed: int | None) -> None:
    assert next((found["seed"] for _, found in reads(text) if "seed" in found), None) == seed
