"""A Ray cluster of several nodes on this machine, in a process of its own; its nodes can be killed.

python nodes.py NODES CORES [NAME=N ...]  prints the address; then "kill" and "add" on standard input, one a line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Nodes:
    """The cluster as a test sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._answer()

    def kill(self) -> None:
        """End a node as a power cut does."""
        self._ask("kill")

    def add(self) -> None:
        """Add a node as the others are."""
        self._ask("add")

    def _ask(self, what: str) -> None:
        assert self._process.stdin is not None
        print(what, file=self._process.stdin, flush=True)
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("> "):
                return line[2:].strip()
        raise RuntimeError("the cluster did not start")


@contextmanager
def cluster(nodes: int, cores: int = 1, *resources: str, **environment: str) -> Iterator[Nodes]:
    """Yield a cluster of so many nodes beside its head, which has no cores."""
    paths = os.pathsep.join((str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))
    given = {"RAY_raylet_start_wait_time_s": "180"} | os.environ | {"PYTHONPATH": paths.strip(os.pathsep)} | environment
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # Ray's workers would compile it again and again
    command = [sys.executable, __file__, str(nodes), str(cores), *resources]
    with subprocess.Popen(
        command, env=given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Nodes(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(120)


def main() -> None:
    from ray.cluster_utils import Cluster

    count, cores = int(sys.argv[1]), int(sys.argv[2])
    resources = {name: float(amount) for name, _, amount in (word.partition("=") for word in sys.argv[3:])}
    gpus = resources.pop("GPU", 0.0)
    each: dict[str, Any] = {"num_cpus": cores, "num_gpus": gpus, "resources": resources, "object_store_memory": 10**8}
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 10**8, "include_dashboard": False}
    )
    nodes = [made.add_node(**each, wait=False) for _ in range(count)]
    made.wait_for_nodes()
    print(f"> {made.address}", flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            made.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(made.add_node(**each))
        print(f"> {line.strip()}", flush=True)
    made.shutdown()


if __name__ == "__main__":
    main()
