"""The re-audit as a comment, as JSON and as text."""

import dataclasses
import json

import msgspec
import pytest

from auditor.reaudit.compare import from_what_was_said, re_audit
from reports.brief import words_shown
from reports.contract import SinceJson
from reports.reaudit import as_json, as_text, render
from reports.text import Style


def test_the_comment(before, after):
    text = render(re_audit(after, before))
    old = "https://github.com/openai/parameter-golf/blob/" + "a" * 40 + "/records/t/2026-04-01_Name/train_gpt.py"
    for part in (
        "Re-audit: since [`aaaaaaaaaaaa`](https://github.com/openai/parameter-golf/commit/"
        + "a" * 40
        + "), which was **FLAG**: "
        "1 gone, 1 remaining, 1 new.",
        f"was FLAG at [`train_gpt.py:4`]({old}#L4): Trained first",
        "Now it does not run: ADAPT defaults to 0",
        '```diff\n@@ -2,1 +3,1 @@ train_gpt.py\n-ADAPT = int(os.environ.get("ADAPT", "1"))\n'
        '+ADAPT = int(os.environ.get("ADAPT", "0"))\n```',
        f", was at [`train_gpt.py:6`]({old}#L6): The key holds",
        "### New",
        "1 places that no finding cites",
        '+"""Two heads."""',
        "No earlier report was given",
        "- gone: **prequant-ttt**, was FLAG at [`train_gpt.py:4`]",
        "- remaining: **target-in-key** (FLAG) at",
    ):
        assert part in text
    assert text.index("### Gone") < text.index("### New") < text.index("### Remaining")


def test_words_outside_of_the_details(before, after):
    audit = re_audit(after, before, dataclasses.replace(before, findings=before.findings[:1]))
    text = render(audit)
    first = text.splitlines()[0]
    assert first.startswith("**FLAG**: target-in-key at [`train_gpt.py:")
    assert words_shown(text) <= 250
    many = dataclasses.replace(
        after,
        findings=tuple(
            dataclasses.replace(finding, rule=f"{finding.rule}-{n}", message=" ".join(["word"] * 60))
            for n in range(12)
            for finding in after.findings
        ),
    )
    text = render(re_audit(many, before))
    assert words_shown(text) <= 250
    assert "more below" in text
    assert text.count("<details>") == text.count("</details>") >= 3


def test_what_an_earlier_comment_had_wrong(before, after):
    adapts, looks = before.findings
    said = dataclasses.replace(before, findings=(adapts, dataclasses.replace(after.findings[2])))
    text = render(re_audit(after, before, said))
    assert "- It said INCOMPLETE too-few-seeds: 1 seed is logged. That was wrong: the same code has no such" in text
    assert "- It missed FLAG target-in-key at [`train_gpt.py:6`]" in text
    off = dataclasses.replace(said, findings=(dataclasses.replace(adapts, line=8), looks))
    assert "- It put prequant-ttt at [`train_gpt.py:8`]" in render(re_audit(after, before, off))
    assert "Nothing: read again today" in render(re_audit(after, before, before))
    assert "is not at hand" in render(from_what_was_said(after, said))
    again = render(from_what_was_said(before, said))
    assert "the code is that of the earlier report" in again
    assert "It missed FLAG target-in-key" in again


def test_as_json(before, after):
    found = as_json(re_audit(after, before, before))
    assert json.loads(json.dumps(found)) == found
    assert found["sha"] == "a" * 40
    assert [each["rule"] for each in found["gone"]] == ["prequant-ttt"]
    assert found["gone"][0]["now"]["because"].startswith("ADAPT defaults to 0")
    assert found["remaining"][0]["was"] == {"verdict": "FLAG", "path": "train_gpt.py", "line": 6}
    assert [each["rule"] for each in found["new"]] == ["too-few-seeds"]
    assert (found["wrong"], found["missed"]) == ([], [])
    assert as_json(re_audit(after, before))["wrong"] is None
    assert msgspec.convert(found, SinceJson) == found


@pytest.mark.parametrize(
    "line",
    [
        "since aaaaaaaaaaaa (FLAG): 1 gone, 1 remaining, 1 new",
        "  gone  prequant-ttt  train_gpt.py:4",
        "        ADAPT defaults to 0 (train_gpt.py:3); no setting in play turns it on",
        "  remains  target-in-key  train_gpt.py:7",
        "        was at train_gpt.py:6",
        "  new  too-few-seeds",
        "  was missed  target-in-key  train_gpt.py:6",
    ],
)
def test_as_text(before, after, line):
    said = dataclasses.replace(before, findings=before.findings[:1])
    assert line in as_text(re_audit(after, before, said), Style()).splitlines()
