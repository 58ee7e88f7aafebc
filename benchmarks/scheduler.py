"""What scheduling costs, and what 2,000 submissions of three seeds on 64 nodes would come to.

python benchmarks/scheduler.py [UNITS] [CORES]

Runs UNITS units that do nothing through the local pool and through a Ray cluster of this machine (``local:CORES``) and
tells milliseconds for each and the driver's memory; then simulates the campaign with the cost that was measured, paid
by the driver for one unit after the other. Needs the extra ``cluster``. Prints JSON.
"""

from __future__ import annotations

import heapq
import json
import random
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "executors")]

from tasks import Telling  # noqa: E402

from auditor.executors.choose import open_executor  # noqa: E402
from auditor.executors.model import Late, Limits, Unit  # noqa: E402

SUBMISSIONS, SEEDS, NODES = 2_000, 3, 64
RUN = 1_320.0  # seconds: 600 to train, up to 600 to evaluate, two minutes to begin and pack
SHIPPED = 16.0  # megabytes that come back: an artifact, and a log


def measured(units, cores, cluster):
    """Return milliseconds a unit, from the first outcome on."""
    executor = open_executor(Telling(), Limits(60.0), jobs=cores, cluster=cluster)
    for number in range(cores * 4):
        executor.submit(Unit(f"warm {number}", ("", number)))
    for _ in executor.results():
        pass
    for number in range(units):
        executor.submit(Unit(str(number), ("", number)))
    begun = time.monotonic()
    count = sum(1 for _ in executor.results())
    spent = time.monotonic() - begun
    executor.close()
    assert count == units
    return spent / units * 1e3


def waiting_bytes(units):
    """Return the driver's bytes for each unit that waits."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    executor = open_executor(Telling(), Limits(60.0), jobs=1)
    for number in range(units):
        executor.submit(Unit(f"runs/campaign/submission-{number // 3}/seed_{number % 3} {number:016x}", Late(dict)))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    executor.close()
    return (after - before) * 1024 / units


def simulated(dispatch, mean_hours_to_failure=500.0, seed=0):
    """Return hours of the campaign, those of an ideal one, and the share of them in which the driver is busy.

    Nodes take units one after the other; each hand-over costs the driver ``dispatch`` seconds, in which no other one is
    handed over; a node is lost now and then, and what ran on it begins anew elsewhere.
    """
    chance = random.Random(seed)
    units = SUBMISSIONS * SEEDS
    free = [(0.0, node) for node in range(NODES)]
    heapq.heapify(free)
    driver, end, ideal, lost, left = 0.0, 0.0, 0.0, 0, units
    while left:
        at, node = heapq.heappop(free)
        driver = max(driver, at) + dispatch
        run = chance.lognormvariate(0.0, 0.1) * RUN
        broken = chance.expovariate(1 / (mean_hours_to_failure * 3600))
        if broken < run:
            lost += 1
            heapq.heappush(free, (driver + broken + 600.0, node))  # another node comes after ten minutes
            continue
        left -= 1
        ideal += run
        end = max(end, driver + run)
        heapq.heappush(free, (driver + run, node))
    return end / 3600, ideal / NODES / 3600, (units + lost) * dispatch / end, lost


def main():
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    cores = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    waits = waiting_bytes(20_000)
    local = measured(units, cores, None)
    ray = measured(units, cores, f"local:{cores}")
    driver = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    hours, ideal, busy, lost = simulated(ray / 1e3)
    print(
        json.dumps(
            {
                "units": units,
                "local_ms_per_unit": round(local, 2),
                "cluster_ms_per_unit": round(ray, 2),
                "driver_bytes_per_waiting_unit": round(waits),
                "driver_most_memory_mib": round(driver),
                "simulated_hours": round(hours, 2),
                "ideal_hours": round(ideal, 2),
                "driver_busy_share": round(busy, 6),
                "nodes_lost": lost,
                "nodes_at_which_the_driver_is_the_bottleneck": int(RUN / (ray / 1e3)),
                "gigabytes_that_come_back": SUBMISSIONS * SEEDS * SHIPPED / 1e3,
                "megabytes_a_second_that_come_back": round(SUBMISSIONS * SEEDS * SHIPPED / (hours * 3600), 2),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
