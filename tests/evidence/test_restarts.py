"""Logs that were appended to: starts that broke off before the one that scored."""

from __future__ import annotations

from auditor.evidence.logs import read_log
from auditor.evidence.restarts import broken_off
from auditor.settings.logs import printed_settings


def start(cap: float, seed: int = 7) -> str:
    named = {"depth": 9, "lr": 0.02, "max_wallclock_seconds": cap, "seed": seed, "width": 512}
    return "Hyperparameters:\n" + "".join(f"  {name}: {value}\n" for name, value in named.items()) + "world_size:8\n"


TRAINED = "".join(f"step:{n}/20 train_loss:3.{n} train_time:{n}000ms\n" for n in range(1, 20))
SCORED = "stopping_early: wallclock_cap train_time:1900000ms step:19/20\nfinal val_loss:1.9000 val_bpb:1.1253\n"


def test_the_settings_are_those_of_the_start_that_scored() -> None:
    text = start(600.0) + "step:1/20 train_loss:6.9 train_time:90ms\n" + start(2000.0) + TRAINED + SCORED
    assert broken_off(text.encode()) == text[: text.rindex("Hyper")].count("\n") + 1
    (run,) = read_log("train_seed7.log", text.encode()).runs
    assert run.settings["max_wallclock_seconds"].value == "2000.0"
    assert run.scores[-1].val_bpb == 1.1253
    assert printed_settings(text, "train_seed7.log")["max_wallclock_seconds"].value == "2000.0"


def test_a_run_that_scored_or_an_evaluation_alone_breaks_nothing_off() -> None:
    once = start(600.0) + TRAINED + SCORED
    assert broken_off(once.encode()) == 0
    assert broken_off((once + start(600.0, 8) + TRAINED + SCORED).encode()) == 0
    resumed = start(600.0) + TRAINED + start(600.0) + "final val_loss:1.9000 val_bpb:1.1253\n"
    assert broken_off(resumed.encode()) == 0


def test_a_try_before_the_run_is_known_behind_a_launchers_prefix() -> None:
    tried = "1/9 train_loss: 9.1\n9/9 train_loss: 6.2\nTRY: no val_bpb in this mode\n"
    more = "".join(f"  size_{letter}: 8\n" for letter in "abcdefgh")
    lines = (start(30.0) + more + tried + start(600.0) + more + TRAINED + SCORED).splitlines()
    lines = [line for line in lines if not line.startswith("world_size")]
    of_main = [f"[default0]:{line}\n" for line in lines]
    of_main.insert(4 + lines.index("Hyperparameters:", 5), "[default3]:the network is there\n")
    text = "== TRY (QUICK=1) ==\n" + "".join(of_main)
    (run,) = read_log("train_seed7.log", text.encode()).runs
    assert run.settings["max_wallclock_seconds"].value == "600.0"
    assert "quick" not in run.settings
    assert run.logged_seed is not None
    assert run.logged_seed.line is not None
    assert run.logged_seed.line > len(lines) // 2 - 20
