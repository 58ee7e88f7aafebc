#!/bin/sh
# pebble: a process of the pool that ends while it has nothing to do takes the whole pool with it.
#
# Guess: a pool that outlives crashing and hanging tasks replaces a process that the system ends between two of them.
# What happens: with no task under way the pool gives up: "All workers expired", and it takes no task any more. With a
# task under way elsewhere the same end is passed over, and the process replaced.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check pebble==5.2.3
cat > "$dir/idle.py" <<'EOF'
import multiprocessing, os, platform, signal, time
from importlib.metadata import version

from pebble import ProcessExpired, ProcessPool


def idle_after(busy):
    with ProcessPool(max_workers=2) as pool:
        pool.schedule(abs, args=(-1,)).result()
        time.sleep(0.5)
        running = pool.schedule(time.sleep, args=(2,)) if busy else None
        time.sleep(0.5)
        workers = [p.pid for p in multiprocessing.active_children()]
        taken = {task.worker_id for task in pool._pool_manager.task_manager.tasks.values()}
        os.kill(next(pid for pid in workers if pid not in taken), signal.SIGKILL)
        time.sleep(0.5)
        try:
            found = pool.schedule(abs, args=(-2,)).result()
        except RuntimeError as error:
            found = f"RuntimeError: {error}"
        if running is not None:
            running.result()
        return found


def crash():
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with ProcessPool(max_workers=1) as pool:
        try:
            pool.schedule(crash).result()
        except ProcessExpired:
            pass
        survived = pool.schedule(abs, args=(-3,)).result()
    quiet, busy = idle_after(busy=False), idle_after(busy=True)
    print(f"pebble {version('pebble')}, Python {platform.python_version()}")
    print(f"after a task that crashed: {survived}; after an idle process was killed: {quiet!r}; beside a busy one: {busy}")
    assert survived == 3 and busy == 2
    assert quiet == "RuntimeError: Unexpected error within the Pool", quiet
EOF
"$dir/venv/bin/python" -W ignore "$dir/idle.py"
