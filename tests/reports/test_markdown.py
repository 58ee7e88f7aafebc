"""The review comment: the parts reviewers expect, in the room that GitHub has."""

import dataclasses
import re

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from auditor import catalogue
from auditor.finding import Finding, NotFollowed, Recommendation, Step, Verdict
from auditor.rule import Authority, Rule
from auditor.toml import Malformed
from reports.absent import absent
from reports.brief import words_shown
from reports.comment import Form, TemplateFault, fill
from reports.detail import GITHUB_LIMIT, LEVELS
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


def screen(text):
    """Return what a reader sees before opening anything."""
    return re.sub(r"^<details>.*?^</details>\n", "", text, flags=re.DOTALL | re.MULTILINE)


def test_the_first_screen(flagged):
    text = render(flagged)
    assert text.startswith(
        "**FLAG**: prequant-ttt at `train_gpt.py:5 (layer 1)`: Weights are trained on validation tokens before these "
        "are scored.\n\n````\n"
    )
    shown = screen(text)
    for part in (
        "> 5 |         loss.backward()\n> 6 |         opt.step()",
        "**Why it counts**: The score of a token must be fixed before anything learns from it. (",
        "**Fix**: Score each chunk first.",
        "**INCOMPLETE**: too-few-seeds: One seed of three is logged.",
        f"Recommendation: **CLOSE**. Read: [`train_gpt.py`]({FILES}/train_gpt.py) at [`0123456789ab`](",
        "Thank you for the submission. If a line is misread",
    ):
        assert part in shown
    assert "Path of the data" not in shown


def test_what_is_folded(flagged):
    text = render(flagged)
    for part in (
        "- submission: `2026-04-01_Name` ([#7](https://github.com/openai/parameter-golf/pull/7))",
        "- val\\_bpb: 1.09250 logged (mean of 2 logs, sd 0.00071), 1.0925 claimed",
        "- compliance: **FLAG**: prequant-ttt (FLAG)\n",
        "- evidence: **INCOMPLETE**: too-few-seeds (INCOMPLETE)\n",
        "- package: **CLEAN**\n",
        "1. `train_gpt.py:40 (layer 1)` val\\_tokens passed in\n",
        "2. `train_gpt.py:3 (layer 1)` batched: `for x, y in batches(tokens):`\n",
        "**Runs**: ADAPT\\_ENABLED defaults to 1",
        "- **Fix**: Score each chunk first.",
        "Not reached: BEST\\_OF defaults to 0",
        "**the verdict hangs on it**",
        "Lines of a layer count in the unpacked source",
    ):
        assert part in text
        assert part not in screen(text)


def test_words_outside_of_the_details(flagged):
    one = dataclasses.replace(flagged, findings=flagged.findings[:1])
    assert words_shown(render(one)) == len(screen(render(one)).split()) <= 250
    talkative = dataclasses.replace(flagged.findings[0], message="word " * 290, advice="so " * 60)
    many = dataclasses.replace(flagged, findings=(talkative,) * 9)
    assert words_shown(render(many)) <= 250
    assert render(many).startswith("**FLAG**: prequant-ttt at ")


def test_one_entry_for_each_cause_the_worst_first_and_three_at_most(flagged):
    found = tuple(
        Finding(slug, "evidence", status, f"About {slug}.", path="a.log", line=n)
        for n, (slug, status) in enumerate(
            [("bogus-log", "hold"), ("hardware", "violation"), ("artifact-cap", "violation"), ("val-tuned", "hold")], 1
        )
    )
    same = dataclasses.replace(flagged.findings[0], rule="train-on-val", message="The same line.")
    shown = screen(render(dataclasses.replace(flagged, findings=(*found, flagged.findings[0], same))))
    assert re.findall(r"^\*\*(?:FLAG|HOLD)\*\*: ([\w-]+)", shown, re.M) == ["prequant-ttt", "hardware", "artifact-cap"]
    assert "; 2 more below" in shown


def clean(flagged, **changes):
    values = {"findings": (), "not_followed": (), "verdict": Verdict.CLEAN, "recommendation": Recommendation.MERGE}
    return dataclasses.replace(flagged, **{**values, **changes})


def test_a_clean_one_says_what_was_looked_for_and_what_the_code_does(flagged):
    text = render(clean(flagged, gist=("It learns at line 3.", "It scores at line 9.")))
    assert text.startswith("**CLEAN**: nothing was found against it.\n")
    assert "Looked for and not found: no optimizer step on validation tokens before their score is fixed; " in text
    assert re.search(r"The code(?: \(lines of the unpacked source\))?: It learns at line 3. It scores at line 9.", text)
    assert words_shown(text) <= 150


def test_what_was_found_or_not_applied_is_not_told_as_absent(flagged):
    gap = dataclasses.replace(flagged.findings[1], rule="train-wallclock")
    assert not [phrase for phrase in absent(clean(flagged, findings=(gap,))) if "clocks" in phrase]
    some = clean(flagged, applied=("two-pass-rescore", "oracle-selection"), recommendation=Recommendation.HOLD)
    assert absent(some) == ("no second pass or best-of choice",)
    assert "Only 2 of " in render(some)


def test_a_verdict_that_hangs_on_what_was_not_followed_names_the_line(flagged):
    lost = NotFollowed("train.log", 2, "a call", decisive=True)
    text = render(clean(flagged, verdict=Verdict.HOLD, recommendation=Recommendation.HOLD, not_followed=(lost,)))
    place = f"[`train.log:2`]({FILES}/train.log#L2)"
    assert text.startswith(f"**HOLD**: the verdict hangs on {place}, which could not be followed: a call.\n")
    assert "> 2 | world_size:4" in screen(text)


def test_pull_requests_with_the_same_lines_are_named(flagged):
    shown = screen(render(flagged, alike={0: range(11, 20)}))
    assert "Same lines: [#11](https://github.com/openai/parameter-golf/pull/11), " in shown
    assert "and 3 more." in shown


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
    assert "Also at `train_gpt.py:2 (layer 1)`." in screen(text)
    assert "**Whether it runs is not decided**: ADAPT" in text
    link = "[#462](https://github.com/openai/parameter-golf/pull/462)"
    said = f"- **Authority**: {link} **official** (a maintainer, 2026-03-20): adapting first is not allowed"
    assert text.count(said) == 1
    legal = "[#549](https://github.com/openai/parameter-golf/pull/549)"
    assert f"**Legal**: score first ({legal})" in screen(text)


def test_a_legal_pattern_is_one_only_where_it_runs(flagged, monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda slug: rule(legal_reference=True))
    note = dataclasses.replace(flagged.findings[0], status="note")
    text = render(dataclasses.replace(flagged, findings=(note,)))
    assert "- prequant-ttt (legal pattern) at `train_gpt.py:5 (layer 1)`" in text
    off = render(dataclasses.replace(flagged, findings=(dataclasses.replace(note, active=False),)))
    assert "(legal pattern)" not in off
    assert "Not reached: ADAPT" in off


def test_logs_of_different_works_have_no_mean(flagged):
    far = (flagged.runs[0], replace(flagged.runs[1], val_bpb=1.5))
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
    text = render(
        flagged, smoke=[step("import", "PASS", ""), step("loss", "PASS", "6.9"), step("forward", "FAIL", "@x")]
    )
    assert "CPU smoke run: import PASS, loss PASS (6.9)." in screen(text)
    assert "- forward: **FAIL**: <span>@</span>x\n" in text
    assert "smoke" not in render(flagged)


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
    assert "**FLAG: prequant-ttt, target-in-key**" in comment  # the same lines: one cause
    assert re.search(r"\n\d+ more findings of this kind are left out here\.\n", comment)
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
    assert text.startswith("Hello, **you**.\n\n**FLAG**: ")
    assert "Recommendation: **CLOSE, sorry**" in text
    (tmp_path / "about.md.j2").write_text("The end, {{ report.name }}.\n")
    assert "\nThe end, 2026-04-01\\_Name.\n" in render(flagged, form=Form(str(tmp_path)))
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
    assert len(fences) == 2
    assert fences[0].content.splitlines()[0] == (
        "  4 |         loss = model(x, y)  # ping @someone about #12 ``` <b><U+202E>"
    )


def test_timeline_only_on_request(flagged):
    assert "What the script does" not in render(flagged)
    assert "Adapt model on <U+001B>[31mval" in render(flagged, timeline=True)


def test_what_lies_outside_the_record_folder_is_linked_from_the_root(flagged):
    outside = Finding("diff-scope", "package", "incomplete", "Too much.", "NOTES.md", at_root=True)
    assert f"[`NOTES.md`](https://github.com/openai/parameter-golf/blob/{HEAD}/NOTES.md)" in render(
        dataclasses.replace(flagged, findings=(outside,))
    )


def test_a_ruling_on_the_pull_request_itself_is_told_and_not_cited(flagged, monkeypatch):
    said = (
        Authority(f"#{flagged.pr}", "a maintainer", "2026-03-20", "official", "not valid"),
        Authority("#978", "somebody", "2026-03-20", "community", "the same"),
    )
    monkeypatch.setattr(catalogue, "find", lambda slug: rule(authority=said))
    one = dataclasses.replace(flagged.findings[0], authority=("#978",))
    text = render(dataclasses.replace(flagged, findings=(one,)))
    assert "No maintainer has ruled" not in text
    assert "A maintainer has ruled so on this pull request itself." in text


def test_what_is_cut_ends_with_a_word_and_one_is_one(tmp_path):
    (tmp_path / "own.md.j2").write_text("{{ text }}|{{ name }}|{{ 1 | more('step') }}|{{ 2 | more('step') }}")
    values = {"text": "It goes on and on " * 200, "name": "a" * 2000}
    told, name, one, two = fill("own.md.j2", Form(templates=str(tmp_path)), values, LEVELS[-1]).strip().split("|")
    assert told.endswith((" on …", " and …", " It …", " goes …"))
    assert len(told) <= LEVELS[-1].text
    assert name.startswith("aaaa") and "+" in name
    assert (one, two) == ("1 more step is", "2 more steps are")


def test_evidence_that_is_clean_for_want_of_a_log_says_so(flagged):
    bare = dataclasses.replace(flagged, evidence=Verdict.CLEAN, runs=())
    assert "- evidence: **CLEAN**: no logged run to check" in render(bare)
    assert "no logged run" not in render(dataclasses.replace(flagged, evidence=Verdict.CLEAN))


def test_nothing_is_within_the_clocks_of_logs_that_are_not_there(flagged):
    looked_at = "nothing over cap or clocks in the logs"
    assert looked_at in absent(clean(flagged))
    assert looked_at not in absent(clean(flagged, runs=()))
