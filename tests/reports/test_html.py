"""The page of a review: what it shows, where its links lead, and that nothing hostile gets out of its text."""

import base64
import dataclasses
import hashlib
import re

import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.curves import read_curves
from auditor.evidence.exhibits import exhibit
from auditor.finding import Finding, NotFollowed, Recommendation, Step, Verdict
from auditor.program.source import Source
from auditor.report import Claims, Curve, DiskSize, MeasuredRun, Report
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from reports.comment import Form, TemplateFault
from reports.html.plot import ticks
from reports.html.review import claims, render


@pytest.fixture
def whole(flagged):
    return dataclasses.replace(
        flagged,
        curves=(Curve("train_seed42.log", 1, "val_bpb", ((0, 3.2), (500, 1.4), (1000, 1.1))),),
        sizes=(DiskSize("script", "train_gpt.py", 60_000), DiskSize("artifact", "model.ptz", 17_000_000)),
    )


def test_every_link_within_the_page_leads_somewhere_and_no_id_is_given_twice(whole):
    page = Page(render([whole, whole], timeline=True))
    ids = page.of("id")
    assert len(ids) == len(set(ids))
    inner = [link[1:] for link in page.of("href") if link.startswith("#")]
    assert set(inner) <= set(ids)
    assert any(link.startswith("r1-f1-s") for link in inner)


def test_decisive_lines_and_the_path_are_marked_in_the_code(whole):
    text = render([whole])
    decisive = re.findall(r'<span class="line decisive[^"]*" id="[^"]*-1-(\d+)"', text)
    assert decisive == ["5", "6"]
    assert re.search(r'class="line passed" id="[^"]*-1-3"', text)
    assert 'aria-label="step 2 of the path">2</a>' in text


def test_claims_stand_against_what_the_logs_show(flagged):
    rows = {row.what: row for row in claims(flagged)}
    assert rows["val_bpb (mean of the logs)"].agrees is True
    assert (rows["artifact bytes (largest)"].difference, rows["artifact bytes (largest)"].agrees) == ("+6,092", False)
    assert rows["seeds"].agrees is False
    nothing = dataclasses.replace(flagged, claims=Claims(), runs=(MeasuredRun("a.log"),))
    assert claims(nothing) == ()


def test_curves_sizes_and_the_timeline(whole):
    page = Page(render([whole], timeline=True))
    assert page.tags.count("polyline") == 1
    assert len(next(v for t, n, v in page.attributes if n == "points").split()) == 3
    assert [v for t, n, v in page.attributes if (t, n) == ("meter", "value")] == ["60000", "16000000"]
    assert any("<U+001B>[31mval" in word for word in page.words)


def test_the_policy_allows_the_pages_own_styles_and_scripts_and_nothing_else(whole):
    text = render([whole])
    page = Page(text)
    policy = next(v for t, n, v in page.attributes if n == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'")
    assert "unsafe" not in policy
    for kind, bodies in page.bodies.items():
        for body in re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
        assert bodies
    assert not {"src", "style", "onclick", "onload"} & {name for _, name, _ in page.attributes}


TAGS = {"html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "h4", "h5", "main", "article"}
TAGS |= {"section", "p", "strong", "dl", "div", "dt", "dd", "span", "a", "code", "ol", "ul", "li", "figure", "pre"}
TAGS |= {"figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "line", "text", "polyline"}
TAGS |= {"meter", "details", "summary", "footer", "script"}
HOSTILE = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x", "</pre></style>", "{{ 7*7 }}",
     "javascript:alert(1)", "\x1b[31m", "a\u202eb\u200bc", "<!-- ", "&lt;b&gt;", "\ud800", "{% raw %}"]
)  # fmt: skip


@given(HOSTILE, HOSTILE, HOSTILE)
def test_what_a_submission_says_stays_text(text, path, log):
    finding = Finding(
        text or "r", "compliance", "violation", text, path=path, line=1, active_because=text,
        trace=(Step(path, 1, text), Step(log, 2, text)), authority=(text,), advice=text,
    )  # fmt: skip
    flag = Verdict.FLAG
    report = Report(
        text, text, "record", text, path, flag, Recommendation.CLOSE, flag, flag, flag,
        findings=(finding, dataclasses.replace(finding, status="note")), not_followed=(NotFollowed(path, 1, text),),
        runs=(MeasuredRun(log, 1, 1.1),), sources={(path, 0): Source(path, f"{text}\n{text}")}, timeline=(text,),
        pr=3, folder=path, title=text, curves=(Curve(log, 1, "val_bpb", ((1, 2.0), (2, 1.0))),),
        sizes=(DiskSize("script", path, 5),),
    )  # fmt: skip
    out = render([report], timeline=True)
    page = Page(out)
    assert set(page.tags) <= TAGS
    assert page.tags.count("script") == 1
    assert not [n for _, n, _ in page.attributes if n.startswith("on") or n in ("style", "src")]
    assert all(re.match(r"#|https://github\.com/", link) for link in page.of("href"))
    shown = "".join(page.words) + "".join(page.of("aria-label"))
    assert not set(shown) & set("\x1b\u202e\u200b\ud800")
    out.encode("utf-8")


def test_a_template_of_the_auditors_own_is_used_and_a_wrong_one_is_told(whole, tmp_path):
    mine = tmp_path / "review.html.j2"
    mine.write_text("<p>{{ reviews[0].report.name }} & <b>mine</b></p>", "utf-8")
    assert render([whole], form=Form(str(tmp_path))) == "<p>2026-04-01_Name & <b>mine</b></p>"
    mine.write_text("{{ reviews[0].nothing }}", "utf-8")
    with pytest.raises(TemplateFault, match=r"review\.html\.j2.*nothing"):
        render([whole], form=Form(str(tmp_path)))


def test_curves_of_a_log_with_two_runs():
    log = b"""seed:1
step:0/100 val_loss:6.9300 val_bpb:4.1000 train_time:0ms
step:10/100 train_loss:4.5000 train_time:900ms
step:20/100 train_loss:4.0000 train_time:1800ms
step:20/100 val_loss:3.9000 val_bpb:2.3000 train_time:1810ms
final_int8_zlib_roundtrip val_loss:3.9100 val_bpb:2.3100
step:10/100 train_loss:4.4000 train_time:900ms
step:20/100 train_loss:3.8000 train_time:1800ms
"""
    curves = {(curve.run, curve.name): curve.points for curve in read_curves("a.log", log)}
    assert curves == {
        (1, "train_loss"): ((10, 4.5), (20, 4.0)),
        (1, "val_loss"): ((0, 6.93), (20, 3.9)),
        (1, "val_bpb"): ((0, 4.1), (20, 2.3)),
        (2, "train_loss"): ((10, 4.4), (20, 3.8)),
    }


def test_what_a_page_shows_beside_a_report(flagged):
    log = b"step:0/9 train_loss:4.5 train_time:1ms\nstep:9/9 train_loss:3.5 train_time:2ms\n"
    tree = MemoryTree({"train_gpt.py": b"x = 1\n", "train_seed1.log": log, "model.ptz": b"12345"})
    finding = dataclasses.replace(flagged.findings[0], trace=(Step("train_seed1.log", 2, "printed"),))
    shown = exhibit(dataclasses.replace(flagged, findings=(finding,)), describe(tree, given="x", name="x"))
    assert shown.curves == (Curve("train_seed1.log", 1, "train_loss", ((0, 4.5), (9, 3.5))),)
    assert shown.sizes == (DiskSize("script", "train_gpt.py", 6), DiskSize("artifact", "model.ptz", 5))
    assert shown.cited["train_seed1.log"].line_text(2).startswith("step:9/9")
    assert 'id="r1-f1-train_5f_seed1_2e_log-0-2"' in render([shown])


def test_a_long_curve_is_thinned_and_keeps_its_end():
    log = b"".join(b"step:%d/9999 train_loss:%d.5 train_time:1ms\n" % (n, n % 7) for n in range(9_000))
    (curve,) = read_curves("a.log", log)
    assert len(curve.points) <= 401
    assert (curve.points[0][0], curve.points[-1]) == (0, (8_999, 8_999 % 7 + 0.5))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_within_the_bounds(low, span):
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 7
    assert all(low - span * 1e-6 - 1e-8 <= at <= low + span * (1 + 1e-6) + 1e-8 for at in found)
