"""Logs in the shapes that submissions use, written for these tests."""

from __future__ import annotations

SOURCE = '''"""A toy."""
import os
from pathlib import Path


def report(value):
    print(f"final val_bpb:{value:.4f}")
    # final_exact val_loss:9.0 val_bpb:9.99990000
    return value


class Trainer:
    def run(self):
        return report(1.0)


if __name__ == "__main__":
    Trainer().run()
'''

RULER = "=" * 100

HEADER = """logs/run.txt
val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632
train_loader:dataset:fineweb10B_sp1024 train_shards:80
world_size:8 grad_accum_steps:1
train_batch_tokens:524288 iterations:20000 max_wallclock_seconds:600.000
"""


def training(seed: int, bpb: float = 1.2243657) -> str:
    """Return a baseline-shaped log with its final scores."""
    return (
        HEADER
        + f"""seed:{seed}
step:0/20000 val_loss:6.9 val_bpb:4.1 train_time:0ms step_avg:0.01ms
step:1/20000 train_loss:8.0 train_time:100ms step_avg:100.00ms
step:13000/20000 train_loss:2.1 train_time:580000ms step_avg:44.00ms
step:13780/20000 val_loss:2.06 val_bpb:1.2172 train_time:600038ms step_avg:43.54ms
stopping_early: wallclock_cap train_time:600038ms step:13780/20000
peak memory allocated: 10184 MiB reserved: 10588 MiB
Serialized model: 67224983 bytes
Code size: 47642 bytes
Total submission size: 67272625 bytes
Serialized model int8+zlib: 15815847 bytes (payload:17178912)
Total submission size int8+zlib: 15863489 bytes
final_int8_zlib_roundtrip val_loss:2.0727 val_bpb:{bpb:.4f} eval_time:1401ms
final_int8_zlib_roundtrip_exact val_loss:2.07269931 val_bpb:{bpb:.8f}
"""
    )


def embedded(seed: int) -> str:
    """Return a log that opens with the script, a ruler, the machine and another ruler."""
    machine = "|   0  NVIDIA H100 80GB HBM3          On  |   00000000:8D:00.0 Off |"
    return f"{SOURCE}\n{RULER}\nRunning Python 3.12\n{machine}\n{RULER}\n{training(seed)}"
