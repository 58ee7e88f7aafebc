"""One report that has everything a renderer must cope with."""

import pytest

from auditor.finding import Finding, NotFollowed, Recommendation, Step, Verdict
from auditor.program.source import Source
from auditor.report import Claims, MeasuredRun, Report

SCRIPT = """def adapt(model, tokens):
    for epoch in range(4):
        for x, y in batches(tokens):
            loss = model(x, y)  # ping @someone about #12 ``` <b>\u202e
            loss.backward()
            opt.step()
    return model
"""


@pytest.fixture
def flagged():
    return Report(
        submission="records/t/2026-04-01_Name",
        name="2026-04-01_Name",
        track="record",
        sha="0123456789abcdef0123456789abcdef01234567",
        script="train_gpt.py",
        verdict=Verdict.FLAG,
        recommendation=Recommendation.CLOSE,
        compliance=Verdict.FLAG,
        evidence=Verdict.INCOMPLETE,
        package=Verdict.CLEAN,
        findings=(
            Finding(
                rule="prequant-ttt",
                group="compliance",
                status="violation",
                message="Weights are trained on validation tokens before these are scored.",
                path="train_gpt.py",
                line=5,
                end_line=6,
                layer=1,
                active_because="ADAPT_ENABLED defaults to 1 (train_gpt.py:12)",
                trace=(
                    Step("train_gpt.py", 40, "val_tokens passed in", 1),
                    Step("train_gpt.py", 3, "batched", 1),
                ),
                authority=("#462", "README"),
                advice="Score each chunk first.",
            ),
            Finding("too-few-seeds", "evidence", "incomplete", "One seed of three is logged."),
            Finding(
                "oracle-selection",
                "compliance",
                "note",
                "The smaller of two losses is kept.",
                path="train_gpt.py",
                line=2,
                active=False,
                active_because="BEST_OF defaults to 0 (train_gpt.py:13)",
            ),
        ),
        not_followed=(NotFollowed("train_gpt.py", 7, "getattr with a computed name", decisive=True),),
        claims=Claims(1.0925, 15_948_766, (42, 1337, 2024)),
        runs=(
            MeasuredRun("train_seed42.log", 42, 1.0920, 2.51, 15_954_858, 590.0, 85.0, 5413, 8),
            MeasuredRun("train_seed1337.log", 1337, 1.0930, float("nan"), None, None, None, None, None),
        ),
        sources={("train_gpt.py", 1): Source("train_gpt.py", SCRIPT, 1)},
        timeline=("Load fineweb_val_*", "Adapt model on \x1b[31mval", "Score val"),
        pr=7,
        folder="records/t/2026-04-01_Name",
        title="A name @everyone",
        cited={"train.log": Source("train.log", "begin\nworld_size:4\n")},
    )
