"""A submission at two heads: its adaptation is switched off in between, and everything moves down a line."""

import dataclasses

import pytest

from auditor.finding import Finding, Recommendation, Step, Verdict
from auditor.program.source import Source
from auditor.report import Report

EARLIER = """import os
ADAPT = int(os.environ.get("ADAPT", "1"))
def adapt(model, tokens):
    model.step(tokens)
def score(model, tokens):
    return model(tokens, table[hash(tokens)])
def main():
    if ADAPT:
        adapt(model, val)
    print(score(model, val))
"""
LATER = '"""Two heads."""\n' + EARLIER.replace('"ADAPT", "1"', '"ADAPT", "0"')


def report(text, sha, *findings):
    return Report(
        submission="#7",
        name="2026-04-01_Name",
        track="record",
        sha=sha,
        script="train_gpt.py",
        verdict=Verdict.FLAG,
        recommendation=Recommendation.CLOSE,
        compliance=Verdict.FLAG,
        evidence=Verdict.CLEAN,
        package=Verdict.CLEAN,
        findings=findings,
        sources={("train_gpt.py", 0): Source("train_gpt.py", text)},
        pr=7,
        folder="records/t/2026-04-01_Name",
    )


ADAPTS = Finding(
    "prequant-ttt",
    "compliance",
    "violation",
    "Trained first, scored at line 10.",
    "train_gpt.py",
    4,
    active_because="ADAPT defaults to 1 (train_gpt.py:2)",
    trace=(Step("train_gpt.py", 9, "adapt() is called"),),
    advice="Score first.",
)
LOOKS = Finding("target-in-key", "compliance", "violation", "The key holds the target.", "train_gpt.py", 6)
SEEDS = Finding("too-few-seeds", "evidence", "incomplete", "1 seed is logged.")


@pytest.fixture
def before():
    return report(EARLIER, "a" * 40, ADAPTS, LOOKS)


@pytest.fixture
def after():
    off = dataclasses.replace(
        ADAPTS,
        line=5,
        active=False,
        status="note",
        message="Trained first, scored at line 11.",
        active_because="ADAPT defaults to 0 (train_gpt.py:3); no setting in play turns it on",
    )
    return report(LATER, "b" * 40, off, dataclasses.replace(LOOKS, line=7), SEEDS)
