"""What every executor promises: one outcome a unit, whatever the unit does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tasks import Telling

from auditor.executors.child import perform
from auditor.executors.choose import open_executor
from auditor.executors.here import HereExecutor
from auditor.executors.local import LocalExecutor
from auditor.executors.model import Executor, Late, Limits, Outcome, Resources, Unit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def outcomes(executor: Executor, *payloads: tuple[str, Any]) -> dict[str, Outcome]:
    for number, payload in enumerate(payloads):
        executor.submit(Unit(str(number), payload))
    found = list(executor.results())
    assert len({outcome.key for outcome in found}) == len(found)
    return {outcome.key: outcome for outcome in found}


def test_one_outcome_for_each_unit_whatever_it_does() -> None:
    executor = LocalExecutor(Telling(), jobs=2, limits=Limits(1.5, 8 << 30))
    try:
        found = outcomes(
            executor, ("", 0), ("kill", 1), ("sleep", 60), ("exit", 3), ("raise", "a\nb"), ("memory", 5), ("fill", 6),
            ("refuse", "data"), ("", {"eight": [8, b"8"]}),
        )  # fmt: skip
        assert executor.progress().done == 9
    finally:
        executor.close()
    told = {key: (outcome.failure.kind, outcome.failure.text) for key, outcome in found.items() if outcome.failure}
    assert found["0"].value == 0 and found["6"].value == 6 and found["8"].value == {"eight": [8, b"8"]}
    assert told["1"] == ("crash", "was ended by SIGKILL")
    assert told["2"] == ("timeout", "not done after 1.5 s")
    assert told["3"][0] == "internal" and told["3"][1].startswith("SystemExit: 0")
    assert told["4"][0] == "internal" and told["4"][1].startswith("UnpicklableError: a (in __call__, tasks.py:")
    if sys.platform == "linux":
        assert told["5"][0] == "memory"
    assert told["7"] == ("node", "no data here")
    assert set(told) == {"1", "2", "3", "4", "5", "7"} or sys.platform != "linux"
    assert not multiprocessing.active_children()


def test_a_process_whose_memory_was_filled_leaves_its_next_unit_to_another() -> None:
    executor = LocalExecutor(Telling(), jobs=1, limits=Limits(10))
    try:
        found = outcomes(executor, ("pid", 0), ("fill", 1), ("pid", 2), ("pid", 3))
    finally:
        executor.close()
    assert not any(outcome.failure for outcome in found.values())
    assert found["0"].value != found["2"].value == found["3"].value


def test_equal_keys_are_equal_work_and_more_can_come_meanwhile() -> None:
    executor = LocalExecutor(Telling(), jobs=2, limits=Limits(10))
    for _ in range(3):
        executor.submit(Unit("same", ("", 1)))
    keys = []
    for outcome in executor.results():
        keys.append(outcome.key)
        if outcome.key == "same":
            executor.submit(Unit("later", ("", 2)))
    executor.close()
    assert keys == ["same", "later"]


def test_an_idle_process_that_is_killed_costs_nothing() -> None:
    executor = LocalExecutor(Telling(), jobs=1, limits=Limits(10))
    worker = outcomes(executor, ("pid", 0))["0"].value
    os.kill(worker, signal.SIGKILL)
    time.sleep(0.3)  # the pool finds it ended, and gives up
    executor.submit(Unit("after", ("pid", 1)))
    after = next(iter(executor.results()))
    executor.close()
    assert after.failure is None and after.value != worker


def test_a_payload_is_made_when_it_is_needed() -> None:
    made: list[int] = []
    executor = LocalExecutor(Telling(), jobs=1, limits=Limits(10))
    for number in range(8):
        executor.submit(Unit(str(number), Late(lambda number=number: made.append(number) or ("", number))))
    assert made == []
    results = executor.results()
    assert next(results).value == 0 and len(made) < 5
    assert [outcome.value for outcome in results] == list(range(1, 8))
    executor.close()


def test_what_is_cancelled_has_no_outcome() -> None:
    executor = LocalExecutor(Telling(), jobs=1, limits=Limits(60))
    for key, payload in (("first", ("", 1)), ("hangs", ("sleep", 60)), ("last", ("", 2))):
        executor.submit(Unit(key, payload))
    keys = []
    for outcome in executor.results():
        keys.append(outcome.key)
        executor.cancel("hangs")
    executor.close()
    assert keys == ["first", "last"]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    code = (
        "from tasks import Telling\nfrom auditor.executors.local import LocalExecutor\n"
        "from auditor.executors.model import Limits, Unit\n"
        "if __name__ == '__main__':\n"
        f"    executor = LocalExecutor(Telling({str(tmp_path)!r}), jobs=1, limits=Limits(60))\n"
        "    executor.submit(Unit('a', ('pid', 0)))\n"
        "    executor.submit(Unit('b', ('sleep', 60)))\n"
        "    print(next(iter(executor.results())).value, flush=True)\n"
        "    list(executor.results())\n"
    )
    script = tmp_path / "driver.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE), str(ROOT)))}
    with subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        worker = int(driver.stdout.readline())
        driver.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_here_one_after_the_other() -> None:
    executor = HereExecutor(Telling())
    found = outcomes(executor, ("pid", 0), ("refuse", "luck"), ("", 2))
    assert found["0"].value == os.getpid() and found["2"].value == 2
    assert found["1"].failure is not None and found["1"].failure.text == "no luck here"


def test_nothing_imports_ray_before_it_is_asked_for() -> None:
    code = (
        "import sys, auditor.executors.choose, auditor.cli.sweep, auditor.cli.check, auditor.check\n"
        "print([m for m in ('ray', 'pebble', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_unit_occupies_is_named_as_the_cluster_names_it() -> None:
    assert Resources(gpus=8, memory=1 << 30, custom={"h100": 1}).wanted() == {
        "CPU": 1.0, "GPU": 8, "memory": float(1 << 30), "h100": 1,
    }  # fmt: skip


def test_a_unit_outside_of_a_pool_is_told_and_not_raised() -> None:
    assert perform(("", 1))[0] == "internal"  # no task was sent to this process


def test_this_machine_is_the_default() -> None:
    executor = open_executor(Telling(), Limits(5), jobs=1)
    assert isinstance(executor, LocalExecutor)
    executor.close()
