"""The review comment: the parts reviewers expect, in the room that GitHub has."""

import dataclasses
import re

import pytest
from markdown_it import MarkdownIt

from auditor import catalogue
from auditor.finding import Finding, NotFollowed, Step
from auditor.rule import Authority, Rule
from auditor.toml import Malformed
from reports.comment import Form, TemplateFault
from reports.detail import GITHUB_LIMIT
from reports.markdown import render
from reports.wording import Wording, read

HEAD = "0123456789abcdef0123456789abcdef01234567"
FILES = f"https://github.com/openai/parameter-golf/blob/{HEAD}/records/t/2026-04-01_Name"


def parsed(text):
    return MarkdownIt("commonmark").parse(text)


def rule(**changes):
    values = {
        "slug": "prequant-ttt",
        "title": "train, then score",
        "group": "compliance",
        "condition": "C3",
        "summary": "",
        "why": "",
        "advice": "",
        "counterpart": "score first (#549)",
        "authority": (Authority("#462", "a maintainer", "2026-03-20", "official", "adapting first is not allowed"),),
        "check": lambda case: (),
    }
    return Rule(**{**values, **changes})


def test_parts_of_the_comment(flagged):
    text = render(flagged)
    for part in (
        "## golf-audit: `2026-04-01_Name` ([#7](https://github.com/openai/parameter-golf/pull/7))",
        "- val\\_bpb: 1.09250 logged (mean of 2 logs, sd 0.00071), 1.0925 claimed",
        f"- script: [`train_gpt.py`]({FILES}/train_gpt.py) at head [`0123456789ab`]",
        "**FLAG**: it breaks a rule, at the lines below. Recommendation to maintainers: **CLOSE**",
        "- compliance: **FLAG**: prequant-ttt (FLAG)\n",
        "- evidence: **INCOMPLETE**: too-few-seeds (INCOMPLETE)\n",
        "- package: **CLEAN**\n",
        "### FLAG: prequant-ttt",
        "At `train_gpt.py:5 (layer 1)`:",
        "> 5 |         loss.backward()\n> 6 |         opt.step()",
        "1. `train_gpt.py:40 (layer 1)` val\\_tokens passed in\n",
        "2. `train_gpt.py:3 (layer 1)` batched: `for x, y in batches(tokens):`\n",
        "**Runs**: ADAPT\\_ENABLED defaults to 1",
        "- **Fix**: Score each chunk first.",
        "Not reached: BEST\\_OF defaults to 0",
        "**the verdict hangs on it**",
        "Lines of a layer count in the unpacked source",
        "### Limits",
    ):
        assert part in text


def test_lines_of_the_file_itself_have_permanent_addresses(flagged):
    text = render(flagged)
    assert f"- oracle-selection at [`train_gpt.py:2`]({FILES}/train_gpt.py#L2): " in text
    assert f"[`train_gpt.py:7`]({FILES}/train_gpt.py#L7) getattr" in text
    elsewhere = render(flagged, form=Form(repository="https://git.example/me/golf/"))
    assert f"(https://git.example/me/golf/blob/{HEAD}/records/t/2026-04-01_Name/train_gpt.py#L2)" in elsewhere
    assert "[#7](https://git.example/me/golf/pull/7)" in elsewhere


@pytest.mark.parametrize("unknown", [{"sha": None}, {"folder": None}, {"pr": None}])
def test_what_has_no_address_is_not_linked(flagged, unknown):
    assert "/blob/" not in render(dataclasses.replace(flagged, **unknown))


def test_a_line_of_a_log_is_quoted(flagged):
    finding = Finding("hardware", "evidence", "violation", "Four of them.", path="train.log", line=2)
    report = dataclasses.replace(flagged, findings=(finding,))
    assert "  1 | begin\n> 2 | world_size:4\n  3 |" in render(report)


def test_findings_of_one_rule_share_its_authority(flagged, monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda slug: rule() if slug == "prequant-ttt" else None)
    first = flagged.findings[0]
    report = dataclasses.replace(flagged, findings=(first, dataclasses.replace(first, line=2, active=None)))
    text = render(report)
    assert text.count("### ") == len(re.findall("^### ", text, re.M)) == 3
    assert "### FLAG: prequant-ttt (train, then score; C3)" in text
    assert "**1 of 2.** " in text
    assert "**2 of 2, HOLD.** " in text
    assert "**Whether it runs is not decided**: ADAPT" in text
    link = "[#462](https://github.com/openai/parameter-golf/pull/462)"
    said = f"- **Authority**: {link} **official** (a maintainer, 2026-03-20): adapting first is not allowed"
    assert text.count(said) == 1
    legal = "[#549](https://github.com/openai/parameter-golf/pull/549)"
    assert f"- **Legal counterpart**: score first ({legal})" in text


def test_a_legal_pattern_is_one_only_where_it_runs(flagged, monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda slug: rule(legal_reference=True))
    note = dataclasses.replace(flagged.findings[0], status="note")
    text = render(dataclasses.replace(flagged, findings=(note,)))
    assert "### Legal patterns recognised\n\n- prequant-ttt at `train_gpt.py:5 (layer 1)`" in text
    off = render(dataclasses.replace(flagged, findings=(dataclasses.replace(note, active=False),)))
    assert "### Legal patterns" not in off
    assert "Not reached: ADAPT" in off


def test_logs_of_different_works_have_no_mean(flagged):
    far = (flagged.runs[0], dataclasses.replace(flagged.runs[1], val_bpb=1.5))
    assert "- val\\_bpb: 1.09200 to 1.50000 logged (2 runs), 1.0925 claimed\n" in render(
        dataclasses.replace(flagged, runs=far)
    )


def test_a_view_is_not_told_as_a_ruling(flagged, monkeypatch):
    view = (Authority("#462", "somebody", "2026-03-20", "community", "I don't like it"),)
    monkeypatch.setattr(catalogue, "find", lambda slug: rule(authority=view))
    one = dataclasses.replace(flagged.findings[0], authority=("#462",))
    flagged = dataclasses.replace(flagged, findings=(one,))
    text = render(flagged)
    assert "**community view** (somebody, 2026-03-20)" in text
    assert "No maintainer has ruled on this" in text
    monkeypatch.setattr(catalogue, "find", lambda slug: rule())
    assert "No maintainer has ruled on this" not in render(flagged)


def test_a_smoke_test_is_told_if_it_was_run(flagged):
    step = dataclasses.make_dataclass("Step", ["name", "status", "reason"])
    text = render(flagged, smoke=[step("import", "PASS", ""), step("forward", "FAIL", "@raises")])
    assert "- import: **PASS**\n- forward: **FAIL**: <span>@</span>raises\n" in text
    assert "Smoke test" not in render(flagged)


def test_long_parts_are_collapsed_and_short_ones_open(flagged):
    long = dataclasses.replace(flagged.findings[0], trace=tuple(Step("a.py", n, "on") for n in range(9)))
    text = render(dataclasses.replace(flagged, findings=(long,)))
    assert "<details><summary>Path of the data, 9 steps</summary>\n\n1. [`a.py:0`]" in text
    assert text.count("</details>") == 1
    assert "<details>" not in render(flagged)


def test_detail_is_dropped_with_a_note_and_never_cut(flagged):
    text = "`" * 5_000
    trace = tuple(Step("p" * 900, n, text) for n in range(50))
    many = tuple(
        Finding(rule, "compliance", "violation", text, "x/" * 400, n, trace=trace, active_because=text)
        for rule in ("prequant-ttt", "target-in-key")
        for n in range(40)
    )
    lost = tuple(NotFollowed("é" * 900, n, text) for n in range(300))
    report = dataclasses.replace(flagged, findings=many, not_followed=lost, timeline=(text,) * 4_000)
    comment = render(report, timeline=True)
    assert len(comment) <= GITHUB_LIMIT
    assert "### FLAG: target-in-key" in comment
    assert re.search(r"\n\d+ more findings of this rule are left out here\.\n", comment)
    assert re.search(r"\n\d+ more places are left out here\.\n", comment)
    assert "This comment leaves out detail" in comment
    assert comment.endswith("</sub>\n")
    assert comment.count("<details>") == comment.count("</details>")
    assert "leaves out detail" not in render(flagged, timeline=True)


def test_a_template_that_prints_too_much_is_told(flagged, tmp_path):
    (tmp_path / "review.md.j2").write_text("{% for n in range(70000) %}x{% endfor %}")
    with pytest.raises(TemplateFault, match=r"review.md.j2: 70,001 characters at the least detail"):
        render(flagged, templates=str(tmp_path))


def test_an_auditor_says_it_in_their_words(flagged, tmp_path):
    words = tmp_path / "wording.toml"
    words.write_text('opening = "Hello, **you**."\nclose = "CLOSE, sorry"\naudit = "note"\n')
    text = render(flagged, form=Form(wording=read(words)))
    assert "\n\nHello, **you**.\n\n" in text
    assert "Recommendation to maintainers: **CLOSE, sorry**" in text
    (tmp_path / "foot.md.j2").write_text("The end, {{ report.name }}.\n")
    assert render(flagged, form=Form(str(tmp_path))).endswith("\nThe end, 2026-04-01\\_Name.\n")
    words.write_text('openning = "x"')
    with pytest.raises(Malformed, match=r"wording.toml: unknown key 'openning'; did you mean 'opening'\?"):
        read(words)


def test_every_verdict_and_recommendation_has_words(flagged):
    for verdict in type(flagged.verdict):
        assert Wording().of_verdict(verdict)
    for recommendation in type(flagged.recommendation):
        assert Wording().of_recommendation(recommendation)


def test_quoted_code_stays_in_its_fence(flagged):
    fences = [block for block in parsed(render(flagged)) if block.type == "fence"]
    assert len(fences) == 1
    assert fences[0].content.splitlines()[0] == (
        "  4 |         loss = model(x, y)  # ping @someone about #12 ``` <b><U+202E>"
    )


def test_timeline_only_on_request(flagged):
    assert "What the script does" not in render(flagged)
    assert "Adapt model on <U+001B>[31mval" in render(flagged, timeline=True)
