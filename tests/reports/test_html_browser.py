"""The pages in a real browser: Chromium with its driver, and ``pip install --group browser``; skipped without.

What is asked of every page: nothing on the console, no request but for the file itself, and no serious violation that
axe finds, in light, in dark and at a phone's width.
"""

import dataclasses
import json
import shutil
import time
from pathlib import Path

import pytest

from auditor.report import Curve, DiskSize
from auditor.reproduce.judge import judge
from auditor.reproduce.model import Budget, Commit, Machine, Measured, Plan, PlannedRun, Reproduction
from auditor.reproduce.report import page as reproduction_page
from auditor.sweep.code import marks
from auditor.sweep.overview import overview
from reports.html.review import render as review
from reports.html.sweep import render as sweep
from reports.schema import to_json

webdriver = pytest.importorskip("selenium.webdriver")
axe = pytest.importorskip("axe_core_python.base")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="no chromium with its driver here")

LOOKS = {
    "light": ({"features": [{"name": "prefers-color-scheme", "value": "light"}]}, 1280),
    "dark": ({"features": [{"name": "prefers-color-scheme", "value": "dark"}]}, 1280),
    "phone": ({"features": []}, 390),
}


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser, tmp_path):
    def open_page(text):
        (tmp_path / "page.html").write_text(text, "utf-8")
        address = (tmp_path / "page.html").as_uri()
        browser.get(address)
        return address

    return open_page


@pytest.fixture
def pages(flagged):
    whole = dataclasses.replace(
        flagged,
        curves=(Curve("train_seed42.log", 1, "val_bpb", ((0, 3.2), (500, 1.4), (1000, 1.1))),),
        sizes=(DiskSize("script", "train_gpt.py", 60_000),),
    )
    rows = [
        {"pr": pr, "sha": "0" * 40, "when": 1_775_000_000, "report": json.loads(json.dumps(to_json(flagged)))}
        | {"code": marks(flagged)}
        for pr in range(1, 61)
    ]
    rows[4]["report"]["verdict"] = "CLEAN"
    return {
        "review": review([whole, whole], timeline=True),
        "sweep": sweep(overview(rows)),
        "reproduction": reproduction_page.render(reproduced()),
    }


def reproduced():
    """Three seeds of which one failed, with every plot, and words longer than a phone is wide."""
    machine = Machine(gpus=(), cpu="two slow cores", cores=2, memory_bytes=8 << 30, system="Linux")
    planned = tuple(PlannedRun(seed, Path("out", f"seed_{seed}"), ("python",)) for seed in (1337, 42, 2024))
    plan = Plan(
        "preset demo", "reference", planned, data=None, output=Path("runs", "a" * 60), machine=machine, processes=1,
        budget=Budget(), capped=False, changes=("schedule.iterations=40",), notes=("no GPU here " * 8,),
    )  # fmt: skip
    done = tuple(
        Measured(
            seed, "done", val_bpb=score, train_seconds=76.0, eval_seconds=20.0, model_bytes=600_000, code_bytes=60_000,
            val_tokens=51_456, wall_seconds=110.0, peak_memory=446 << 20, losses=((1, 7.0), (300, 3.5)),
            scores=((0, 4.1), (300, 2.1)), phases=(("train", 76.0), ("scores", 20.0)), parts=(("int8", 570_000),),
        )
        for seed, score in ((1337, 2.1013), (42, 2.1082))
    )  # fmt: skip
    runs = (*done, Measured(2024, "failed", reason="killed: no memory left /" + "x" * 120))
    return Reproduction(plan, None, runs, judge(plan, None, runs), Commit("a" * 40, False))


def until(browser, script, wanted):
    end = time.monotonic() + 10
    while (found := browser.execute_script(script)) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    assert found == wanted


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["review", "sweep", "reproduction"])
def test_console_requests_width_and_accessibility(browser, show, pages, name, look):
    media, width = LOOKS[look]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": look == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for log in ("browser", "performance"):
        browser.get_log(log)
    address = show(pages[name])
    until(browser, "return document.readyState", "complete")
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert set(asked) == {address}
    # Not innerWidth: a phone zooms out until what is too wide fits.
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})  # for axe alone
    browser.refresh()
    browser.execute_script(axe.AXE_SCRIPT)
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
    assert [
        (v["id"], v["nodes"][0]["html"]) for v in found["violations"] if v["impact"] in ("serious", "critical")
    ] == []


def test_the_path_of_the_data_can_be_clicked_both_ways(browser, show, pages):
    show(pages["review"])
    browser.find_element("css selector", "#r1-f1-s2 a").click()
    until(browser, "return document.querySelectorAll('.line.current').length", 1)
    line = browser.find_element("css selector", ".line.current")
    assert "for x, y in batches(tokens):" in line.text
    assert browser.find_element("id", "r1-f1-s2").find_element("tag name", "a").get_attribute("aria-current") == "step"
    line.find_element("class name", "mark").click()
    until(browser, "return location.hash", "#r1-f1-s2")


def test_the_table_sorts_filters_and_tells_more(browser, show, pages):
    show(pages["sweep"])
    shown = "return document.getElementById('shown').textContent"
    first = "return document.querySelector('.tabulator-row [tabulator-field=pr]').textContent"
    until(browser, shown, "60 of 60 shown")
    until(browser, first, "#60")
    browser.find_element("css selector", ".tabulator-col[tabulator-field=pr] .tabulator-col-content").click()
    until(browser, first, "#1")
    browser.find_element("css selector", "button[data-verdict=CLEAN]").click()
    until(browser, shown, "1 of 60 shown")
    until(browser, first, "#5")
    browser.find_element("css selector", "button[type=reset]").click()
    until(browser, shown, "60 of 60 shown")
    browser.find_element("id", "search").send_keys("#17 prequant")
    until(browser, shown, "1 of 60 shown")
    browser.find_element("css selector", "button.open").click()
    assert "prequant-ttt (violation) train_gpt.py:5" in browser.find_element("id", "detail").text
