"""Units on the nodes of a Ray cluster.

Ray decides where a unit runs and tells when its node or worker is lost; how often it is tried again is decided here
(``max_retries=0``), so that it is counted, told, and the same for everything that Ray calls an error. A bounded number
of units is with Ray at any time: what waits costs the driver a few bytes, and Ray nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from auditor.cache import tool_version
from auditor.executors import host
from auditor.executors.books import Books, Given
from auditor.executors.model import (
    ExecutorError,
    Failure,
    Limits,
    Outcome,
    Resources,
    Say,
    Task,
    Unit,
    silent,
)

_ATTEMPTS = 4  # of a unit whose node is lost, or refuses it
_AHEAD = 2  # units with Ray for each that can run
_LEAST_AHEAD = 16
_TICK = 1.0
_PATIENCE = 600.0  # seconds without a node that could take a unit; an autoscaler needs minutes
_LOCAL = "local:"
_KNOCK = 10.0  # seconds


class RayExecutor(Books[Any]):
    """Runs units on a Ray cluster; see :class:`auditor.executors.model.Executor`.

    ``address`` is that of a cluster, ``auto`` for the one that this machine belongs to, or ``local:N`` for one of
    ``N`` cores on this machine, which ends with the executor. Raises :class:`ExecutorError` where it can't be reached.
    """

    def __init__(
        self,
        task: Task,
        address: str,
        *,
        limits: Limits,
        resources: Resources | None = None,
        say: Say = silent,
        patience: float = _PATIENCE,
    ) -> None:
        self._limits = limits
        self._resources = resources or Resources()
        self._say = say
        self._patience = patience
        self._version = tool_version()
        super().__init__()
        self._nodes: frozenset[str] = frozenset()
        self._looked = self._able = time.monotonic()
        self._slots = 1
        self._connect(address)
        self._task = ray.put(pickle.dumps(task))
        wanted = self._resources
        self._serve = ray.remote(
            num_cpus=wanted.cpus,
            num_gpus=wanted.gpus,
            memory=wanted.memory,
            resources=dict(wanted.custom) or None,
            max_retries=0,
            scheduling_strategy="SPREAD",
        )(host.serve)
        self._look(first=True)

    def results(self) -> Iterator[Outcome]:
        """Yield outcomes as they come; raises :class:`ExecutorError` when no node is left that could take a unit."""
        while self._waiting or self._given:
            self._feed()
            try:
                ready, _ = ray.wait(list(self._given), num_returns=1, timeout=_TICK)
            except RayError as error:
                raise ExecutorError(f"the cluster is lost: {_line(error)}") from None
            self._look()
            for ref in ready:
                given = self._given.pop(ref, None)
                if given is None:
                    continue  # cancelled meanwhile
                outcome = self._outcome(ref, given)
                if outcome is not None:
                    yield self._finished(outcome)

    def _end(self, handle: Any) -> None:
        ray.cancel(handle, force=True)

    def close(self) -> None:
        """End everything that runs, and leave the cluster."""
        if not ray.is_initialized():
            return
        for ref in self._given:
            with contextlib.suppress(RayError, ValueError):
                ray.cancel(ref, force=True)
        self._forget()
        if self._ours:
            ray.shutdown()

    def _connect(self, address: str) -> None:
        self._ours = not ray.is_initialized()
        if not self._ours:
            return
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            if address.startswith(_LOCAL):
                cores = _cores(address)
                ray.init("local", num_cpus=cores, include_dashboard=False, **quiet)  # else one that runs here is joined
            else:
                _knock(address)
                ray.init(address=address, **quiet)
        except (ConnectionError, RayError, RuntimeError, ValueError, TimeoutError, OSError) as error:
            raise ExecutorError(f"--cluster {address}: no Ray cluster answers there ({_line(error)})") from None

    def _feed(self) -> None:
        room = max(_LEAST_AHEAD, self._slots * _AHEAD)
        while self._waiting and len(self._given) < room:
            given = self._waiting.popleft()
            unit = Unit(given.unit.key, given.unit.handed())
            order = host.Order(unit, self._limits, self._version, alone=self._resources.gpus > 0)
            self._given[self._serve.remote(self._task, order)] = given

    def _outcome(self, ref: Any, given: Given) -> Outcome | None:
        """Return what came of a unit; None where it is tried again."""
        try:
            found: Outcome = ray.get(ref)
        except RayTaskError as error:
            found = Outcome(given.unit.key, failure=Failure("node", _line(error.cause or error)))
        except RayError as error:
            found = Outcome(given.unit.key, failure=Failure("lost", f"{type(error).__name__}: {_line(error)}"))
        if found.key != given.unit.key:
            raise ExecutorError(f"the cluster answered for {found.key} where {given.unit.key} was asked")
        if found.failure is None or found.failure.kind not in ("lost", "node"):
            return replace(found, attempts=given.attempts)
        if given.attempts >= _ATTEMPTS:
            text = f"{found.failure.text} (tried {given.attempts} times)"
            return replace(found, failure=Failure(found.failure.kind, text), attempts=given.attempts)
        self._retries += 1
        self._say(f"{given.unit.key}: {found.failure.text}; tried again")
        self._waiting.appendleft(Given(given.unit, given.attempts + 1))
        return None

    def _look(self, *, first: bool = False) -> None:
        """See which nodes there are; raise where none could take a unit for too long."""
        now = time.monotonic()
        if not first and now - self._looked < _TICK:
            return
        self._looked = now
        wanted = self._resources.wanted()
        alive = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        slots = {name: _fits(wanted, has) for name, has in alive.items()}
        self._slots = sum(slots.values())
        able = frozenset(name for name, count in slots.items() if count)
        gone, come = len(self._nodes - able), len(able - self._nodes)
        if first:
            self._say(f"{len(able)} of {len(alive)} nodes, {self._slots} at a time")
        elif gone or come:
            self._say(f"{len(able)} nodes now, {self._slots} at a time ({gone} gone, {come} new)")
        self._nodes = able
        if able:
            self._able = now
        elif first or now - self._able > self._patience:
            asked = ", ".join(f"{name} {amount:g}" for name, amount in wanted.items())
            if now - self._able >= self._patience:
                raise ExecutorError(f"no node of the cluster has {asked}")
            self._say(f"no node has {asked} yet: waiting for one, {self._patience:.0f} s at most")


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nothing listens at ``host:port``: Ray would go on asking for minutes."""
    host_name, _, port = address.rpartition("/")[2].rpartition(":")
    if address != "auto":
        socket.create_connection((host_name.strip("[]"), int(port)), timeout=_KNOCK).close()


def _fits(wanted: dict[str, float], has: dict[str, float]) -> int:
    """Return how many units of these resources a node holds at a time."""
    return min((int(has.get(name, 0.0) / amount + 1e-9) for name, amount in wanted.items()), default=1)


def _cores(address: str) -> int:
    text = address.removeprefix(_LOCAL)
    if not text.isdecimal() or int(text) < 1:
        raise ExecutorError(f"--cluster {address}: local:N starts a cluster of N cores on this machine")
    return int(text)


def _line(error: BaseException) -> str:
    """Return what an error says first, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
