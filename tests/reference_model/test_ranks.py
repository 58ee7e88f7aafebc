"""Two processes against one: same batches, same losses, same scores; and what a lost rank leads to."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import write_text
from two_ranks import train_and_score

from reference_model.train.ranks import Ranks

SCRIPT = Path(__file__).with_name("two_ranks.py")

LOSES_A_RANK = """
import sys, torch
from reference_model.errors import RunFailed
from reference_model.train.ranks import open_ranks
try:
    with open_ranks("cpu") as ranks:
        ranks.barrier()
        if ranks.rank == 1:
            import os
            os._exit(9)
        ranks.sum_(torch.ones(1))
except RunFailed as error:
    print(error)
    sys.exit(1)
"""


def start(world: int, command: list[str]) -> list[subprocess.Popen[str]]:
    """Start ``command`` as ``world`` ranks of one run, as torchrun would."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[2]), str(SCRIPT.parent)]),
    }
    return [
        subprocess.Popen(
            [sys.executable, *command],
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world)
    ]


def test_two_ranks_do_what_one_does(tmp_path: Path) -> None:
    text = write_text(tmp_path / "shards", val=801)
    processes = start(2, [str(SCRIPT), str(text), str(tmp_path)])
    alone = train_and_score(text, Ranks.single())
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1))

    assert first == second  # ranks agree to the bit, momentum of matrices that only one of them moves included
    assert first["untrained"] == alone["untrained"]  # equal weights give equal sums, to the bit
    assert len(first["losses"]) == 20
    assert first["losses"] == pytest.approx(alone["losses"], abs=1e-5)
    assert first["losses"][-1] < 0.5 * first["losses"][0]
    assert first["trained"] == pytest.approx(alone["trained"], abs=1e-4)
    assert first["momentum"] == pytest.approx(alone["momentum"], rel=1e-2)


def test_a_killed_rank_ends_the_others_with_one_line() -> None:
    first, second = start(2, ["-c", LOSES_A_RANK])
    output, _ = first.communicate(timeout=120)
    second.communicate(timeout=120)
    assert second.returncode == 9
    assert first.returncode == 1
    assert output.splitlines()[-1].startswith("rank 0 lost contact with another rank")
