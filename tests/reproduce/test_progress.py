"""What a person sees while a seed runs, from the lines that scripts print."""

import dataclasses
import io

import pytest
from planned import a_plan
from rich.console import Console

from auditor.reproduce.launch import Exit
from auditor.reproduce.report.progress import Following
from auditor.reproduce.report.seen import Seen, clock

OURS = "step:250/1000 train_loss:4.8567 train_time:60000ms step_avg:240.00ms"


@pytest.mark.parametrize(
    ("line", "step", "steps", "fraction"),
    [
        (OURS, 250, 1000, 0.25),
        ("500/20000 train_loss: 3.3734 train_time: 1.0m tok/s: 7123456", 500, 20_000, 0.1),  # of a cap of 600 s
        ("step:2896/20000 val_loss:3.1 val_bpb:1.2606 train_time:600030ms", 2896, 20_000, 1.0),
        ("warmup_step:3/20", None, None, 0.0),
        ("warmup_step: 3/20", None, None, 0.0),
        ("ttt_chunk [11/1238] bpb=1.08", None, None, 0.0),
        ("step 7/10 of something else", None, None, 0.0),
    ],
)
def test_a_line_says_how_far_training_is(line, step, steps, fraction):
    seen = Seen().after(line, cap=600.0)
    assert (seen.step, seen.steps) == (step, steps)
    assert seen.fraction == pytest.approx(fraction)


def test_what_was_seen_stays_and_time_left_is_in_proportion():
    seen = Seen().after(OURS, 0.0).after("step:250/1000 val_loss:4.8 val_bpb:2.8318 train_time:60000ms", 0.0)
    assert seen.sentence(30.0) == "step 250/1,000 · loss 4.857 · val_bpb 2.8318 · 1:30 of training left"
    again = seen.after("step:1/1000 train_loss:9.0", 0.0)  # a line from another rank, or a second phase
    assert again.fraction == 0.25
    done = seen.after("step:1000/1000 val_loss:3.6 val_bpb:2.1294", 0.0)
    assert (
        done.sentence(99.0) == "step 1,000/1,000 · loss 4.857 · val_bpb 2.1294 · training done, now packing and scoring"
    )
    assert Seen().sentence(5.0) == "starting"
    assert [clock(59.6), clock(3723)] == ["1:00", "1:02:03"]


def test_without_a_terminal_there_is_a_line_for_each_tenth():
    shown = io.StringIO()
    plan = a_plan()
    times = iter(range(0, 10_000, 10))
    with Following(plan, Console(file=shown, width=200), now=lambda: float(next(times))) as following:
        run = plan.runs[0]
        following.begin(plan, run)
        for step in range(0, 1001, 20):
            following.line(f"step:{step}/1000 train_loss:4.0 train_time:{step}ms step_avg:1ms")
        following.end(run, "done", Exit(0, "", 240.0))
    lines = shown.getvalue().splitlines()
    told = [line for line in lines if "step " in line]
    assert [line.split(" · ")[0].split("step ")[1] for line in told] == [
        f"{step:,}/1,000" for step in range(100, 1001, 100)
    ]
    assert all("of training left" in line for line in told[:-1])
    assert "packing and scoring" in told[-1]
    assert lines[-1] == "seed 0: done after 4 min; about 8 min for the others"
    assert "\x1b" not in shown.getvalue()


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (80, "500/20,000 · loss 3.373 · bpb 1.2606 · 0:00 left"),
        (160, "step 500/20,000 · loss 3.373 · val_bpb 1.2606 · "),
    ],
)
def test_on_a_terminal_bar_clock_and_sentence_have_room(width, told):
    shown = io.StringIO()
    plan = a_plan()
    plan = dataclasses.replace(plan, runs=tuple(dataclasses.replace(run, seed=1337) for run in plan.runs))
    screen = Console(file=shown, width=width, force_terminal=True, color_system=None, legacy_windows=False)
    with Following(plan, screen, now=lambda: 0.0) as following:
        following.begin(plan, plan.runs[0])
        following.line("step:500/20000 val_loss:2.1 val_bpb:1.2606 train_loss: 3.3734 train_time:300000ms")
        following._bar.refresh()
        following.line("x" * 500)
        following._bar.refresh()
    drawn = [part.split("\n")[0] for part in shown.getvalue().split("\r\x1b[2K") if part.startswith("seed 1337 ")]
    assert told in "".join(drawn)
    assert all(" 0:00:00 " in line and len(line.rstrip()) <= width for line in drawn)
    assert any("━" in line for line in drawn)


def test_a_run_without_a_cap_is_as_far_as_its_steps_say():
    shown = io.StringIO()
    for capped in (True, False):
        plan = a_plan(capped=capped, runs=1)
        with Following(plan, Console(file=shown, width=200), now=lambda: 0.0) as following:
            following.begin(plan, plan.runs[0])
            following.line("step:500/1000 train_loss:4.0 train_time:900000ms")  # a slow machine: past 600 s
            following.end(plan.runs[0], "failed", Exit(1, "no memory", 5.0))
    first, second = shown.getvalue().split("no memory\n")[:2]
    assert "packing and scoring" in first and "packing and scoring" not in second
    assert "step 500/1,000 · loss 4.000 · 0:00 of training left" in second
    assert "other" not in shown.getvalue()
