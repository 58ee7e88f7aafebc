"""Reports: the same facts in every form, nothing of a stranger's that acts."""

import json

import pytest
from planned import SCORES, a_claim, a_plan, a_run, runs_of

from auditor.reproduce.judge import judge
from auditor.reproduce.model import Commit, Reproduction
from auditor.reproduce.report import document, markdown, page, plots

HOSTILE = "<script>alert(1)</script> [x](http://y) \x1b[31m @everyone"


def a_reproduction(runs=None, claim=None, **plan):
    planned = a_plan(**plan)
    runs = runs_of(SCORES) if runs is None else runs
    claim = a_claim() if claim is None else claim
    return Reproduction(planned, claim, runs, judge(planned, claim, runs), Commit("a" * 40, False))


def test_json_holds_every_run_and_the_verdict():
    content = json.loads(document.render(a_reproduction()))
    assert content["verdict"] == "REPRODUCED"
    assert [run["val_bpb"] for run in content["runs"]] == list(SCORES)
    assert content["runs"][0]["artifact_bytes"] == 15_960_000


def test_statistics_list_failed_seeds_and_raw_scores():
    runs = (*runs_of(SCORES), a_run(9, None, status="failed", reason="killed"))
    text = markdown.statistics(a_reproduction(runs))
    assert "| seeds planned | 4 |" in text and "| n | 3 |" in text and "| 9 | failed |" in text
    assert "Raw: [1.08100000, 1.08130000, 1.08160000]" in text


@pytest.mark.parametrize(("render", "acts"), [(page.render, "<script"), (markdown.render, "[x](http")])
def test_a_strangers_words_do_nothing(render, acts):
    shown = render(a_reproduction((a_run(1, None, status="failed", reason=HOSTILE), a_run(2, 1.08))))
    assert acts not in shown and "<script" not in shown and "\x1b" not in shown
    assert "alert(1)" in shown.replace("\\", "")


def test_the_page_fits_a_phone_and_the_dark():
    shown = page.render(a_reproduction())
    assert '<meta name="viewport" content="width=device-width' in shown
    assert "prefers-color-scheme: dark" in shown and "color-scheme: light dark" in shown
    assert '<td class="name">machine</td>' in shown and "td.name { text-align: left; overflow-wrap: normal; }" in shown
    # The one table that can't break its lines scrolls, by the keyboard, too.
    assert 'tabindex="0"><table><tr><th>seed</th>' in shown


def test_plots_take_the_colour_of_the_pages_text():
    drawn = dict(plots.draw(a_reproduction((a_run(1, 1.08, losses=((1, 7.0), (2, 6.0))),))))
    for svg in drawn.values():
        assert "currentColor" in svg and "#000000" not in svg and "#ffffff" not in svg
        assert '<g id="' not in svg  # the same in every plot: no page may have an id twice


def test_a_report_says_what_it_took_and_names_every_line():
    runs = tuple(a_run(seed, score, wall_seconds=200.0) for seed, score in enumerate(SCORES))
    found = a_reproduction(runs, found="3 training shards", capped=False)
    for shown in (markdown.render(found), page.render(found)):
        assert "took 10 min; training ends with its last step, not by the clock" in shown
        assert "not known before" not in shown
    assert "- shards: 3 training shards" in markdown.render(found)


def test_plots_are_drawn_from_what_there_is_and_always_the_same():
    run = a_run(
        1, 1.08, losses=((1, 7.0), (2, 6.0)), scores=((1, 2.0), (2, 1.5)), phases=(("train", 590.0), ("pack", 20.0)),
        parts=(("int8", 15_000_000), ("code", 60_000)),
    )  # fmt: skip
    drawn = dict(plots.draw(a_reproduction((run,))))
    assert set(drawn) == {
        "Training loss", "val_bpb during training", "Claim and runs", "Seconds by phase", "Artifact by part"
    }  # fmt: skip
    assert all(svg.startswith("<svg") for svg in drawn.values())
    assert drawn == dict(plots.draw(a_reproduction((run,))))
    assert dict(plots.draw(a_reproduction((a_run(1, None, status="failed"),)))) == {}
