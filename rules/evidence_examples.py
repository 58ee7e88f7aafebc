"""Small logs and metadata, from which the examples of the rules on evidence are put together."""

from __future__ import annotations

import json
import math

PLAIN = 'print("trains, and prints what the logs beside it show")\n'
_TOKENS = 62_021_632
_BYTES = 151_080_000


def log(
    seed: int,
    bpb: float,
    *,
    stop: float = 599.9,
    evaluated: float = 70.0,
    tokens: int = _TOKENS,
    scored_bytes: float = _BYTES,
    shards: int = 80,
    data: str = "./data/datasets/fineweb10B_sp1024",
    world_size: int = 8,
    gpu: str = "NVIDIA H100 80GB HBM3",
    after_training: str = "",
    last: str = "",
) -> str:
    """Return a training log; times in seconds, its loss fits ``scored_bytes`` bytes in ``tokens`` tokens."""
    loss = bpb * math.log(2) * scored_bytes / tokens
    milliseconds = round(stop * 1000)
    return (
        f"|   0  {gpu}          On  |   00000000:8D:00.0 Off |\n"
        f"datasets_dir: {data}\n"
        f"val_loader:shards pattern=./data/fineweb_val_*.bin tokens:{tokens}\n"
        f"train_loader:dataset:{data.rpartition('/')[2]} train_shards:{shards}\n"
        f"world_size:{world_size} grad_accum_steps:1\n"
        f"seed:{seed}\n"
        f"step:13000/20000 train_loss:2.1 train_time:{milliseconds * 13 // 14}ms step_avg:44.00ms\n"
        f"stopping_early: wallclock_cap train_time:{milliseconds}ms step:13780/20000\n"
        f"{after_training}"
        "Serialized model int8+zlib: 15815847 bytes\n"
        "Code size: 47642 bytes\n"
        "Total submission size int8+zlib: 15863489 bytes\n"
        f"final_int8_zlib_roundtrip val_loss:{loss:.8f} val_bpb:{bpb:.8f} eval_time:{evaluated * 1000:.0f}ms\n"
        f"{last}"
    )


def metadata(bpb: float, *, seeds: tuple[int, ...] = (), date: str = "2026-03-20", **more: object) -> str:
    """Return a submission.json with these keys, and ``more``."""
    fields: dict[str, object] = {"name": "Example", "date": date, "val_bpb": bpb, "seeds": list(seeds), **more}
    return json.dumps(fields, indent=2) + "\n"


def record(*scores: float, **changes: object) -> dict[str, str]:
    """Return the logs of seeds 1, 2, … with these scores, all with the same ``changes``, and their metadata."""
    files = {
        f"train_seed{seed}.log": log(seed, bpb, **changes)  # type: ignore[arg-type]
        for seed, bpb in enumerate(scores, start=1)
    }
    mean = round(sum(scores) / len(scores), 8)
    files["submission.json"] = metadata(mean, seeds=tuple(range(1, len(scores) + 1)))
    return files


RECORD = record(1.22436570, 1.22434570, 1.22444570)
