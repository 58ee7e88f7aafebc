"""Small logs and metadata in which the evidence rules write their examples."""

from __future__ import annotations

import json

SCRIPT = """import math

print(f"val_bpb:{1.9 / math.log(2.0) / 2.4:.4f}")
"""

README = "# Example\n\nA small model.\n"


def run_log(
    seed: int = 1337,
    val_bpb: float | None = 1.2,
    *,
    settings: str = "",
    model: int = 15_800_000,
    code: int | None = None,
    early: float = 1.25,
    steps: int = 13_000,
    plan: int = 20_000,
    tail: str = "",
) -> str:
    """Return the log of one run: hyper-parameters, steps, sizes in bytes and the final score (none when None)."""
    size = len(SCRIPT) if code is None else code
    lines = [
        f"seed:{seed}",
        "world_size:8",
        *settings.splitlines(),
        f"step:1000/{plan} train_loss:3.1000 train_time:46000ms step_avg:46.00ms",
        f"step:{steps}/{plan} val_loss:2.1500 val_bpb:{early:.4f} train_time:598000ms step_avg:46.00ms",
        f"Serialized model int8+zlib: {model} bytes",
        f"Code size: {size} bytes",
        f"Total submission size int8+zlib: {model + size} bytes",
    ]
    if val_bpb is not None:
        lines.append(f"final_int8_zlib_roundtrip_exact val_loss:{val_bpb * 1.688:.8f} val_bpb:{val_bpb:.8f}")
    return "\n".join(lines) + "\n" + tail


def metadata(**fields: object) -> str:
    """Return a submission.json, a line for each field."""
    return json.dumps({"name": "Example", "author": "Ada", "github_id": "ada", **fields}, indent=2)


def package(*logs: str, **fields: object) -> dict[str, str]:
    """Return the files beside the script: README, submission.json with ``fields``, and a log for each seed."""
    names = [f"train_seed{text.partition('seed:')[2].split()[0]}.log" for text in logs]
    return {
        "README.md": README,
        "submission.json": metadata(**fields),
        **dict(zip(names, logs, strict=True)),
    }
