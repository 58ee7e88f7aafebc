"""What a node of a cluster does with a unit: a pool of one process of its own runs it, with the same limits as here.

The node's worker, which Ray starts and may use again, never runs a unit itself: one that crashes, hangs or fills its
memory ends the inner process and is told as such, so that what Ray reports as lost was lost by the node.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
import sys
from dataclasses import dataclass

from auditor.executors.local import LocalExecutor
from auditor.executors.model import ExecutorError, Failure, Limits, Outcome, Unit


@dataclass(frozen=True)
class Order:
    """A unit, the limits under which it runs, and the version of the auditor that asks for it.

    ``alone``: its process is started for it and ends with it, as what is given devices of its own needs.
    """

    unit: Unit
    limits: Limits
    version: str
    alone: bool = False


_pools: dict[str, LocalExecutor] = {}


def serve(task: bytes, order: Order) -> Outcome:
    """Return what comes of a unit on this node; a failure of kind ``node`` may succeed on another one."""
    from auditor.cache import tool_version

    node = f"{socket.gethostname()}:{os.getpid()}"
    if tool_version() != order.version:
        return _refused(order, "another version of golf-audit is installed on this node", node)
    name = hashlib.sha256(task + repr(order.limits).encode()).hexdigest()
    pool = None if order.alone else _pools.get(name)
    if pool is None:
        _forget_main()
        _close_all()  # of another sweep: their processes hold memory
        pool = LocalExecutor(pickle.loads(task), jobs=1, limits=order.limits)
        if not order.alone:
            _pools[name] = pool
    try:
        pool.submit(order.unit)
        found = next(iter(pool.results()))
    except ExecutorError as error:
        _pools.pop(name, None)
        pool.close()
        return _refused(order, str(error), node)
    finally:
        if order.alone:
            pool.close()
    return Outcome(found.key, found.value, found.failure, node)


def _forget_main() -> None:
    """Keep the processes of the pool from running Ray's worker as their main module: importing Ray takes seconds."""
    main = sys.modules["__main__"]
    if str(getattr(main, "__file__", "")).endswith("default_worker.py"):
        del main.__file__


def _refused(order: Order, why: str, node: str) -> Outcome:
    return Outcome(order.unit.key, failure=Failure("node", why), node=node)


def _close_all() -> None:
    while _pools:
        _pools.popitem()[1].close()
