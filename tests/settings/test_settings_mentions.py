"""Switches that a README's sentences set, and those that it tells in one line with the claimed score."""

import pytest

from auditor.settings.mentions import mentioned, told_with


def names(text: str, score: float | None = None) -> dict[str, str]:
    found = mentioned(text, "README.md") if score is None else told_with(text, "README.md", score)
    return {name: override.value for name, override in found.items()}


def test_sentences_set_switches_and_code_tables_and_doubts_do_not() -> None:
    assert names("Runs with `ADAPT=1`.\n") == {"ADAPT": "1"}
    assert names("Would run with `ADAPT=1`.\n") == {}
    assert names("| `ADAPT=1` |\n\n```\n`ADAPT=1`\n```\n") == {}
    assert names("Set `ADAPT=1`.\n\nThen `ADAPT=2`.\n") == {}


@pytest.mark.parametrize(
    ("number", "told"), [("1.0941", True), ("1.0942", True), ("1.094", True), ("1.0943", False), ("1.09", False)]
)
def test_a_switch_told_with_the_claimed_score(number: str, told: bool) -> None:
    text = f"The drop to `{number}` comes from adaptation (`ADAPT=1`).\n\nTrained with `LAYERS=10`.\n"
    assert names(text, 1.09416915) == ({"ADAPT": "1"} if told else {})
