"""How the cost of a check grows: with the script, with its branches, with its logs; the slope is said.

    python benchmarks/growth.py [--base FOLDER] [script] [branches] [names] [logs]

Inputs are made up here, each size twice the one before. Every size is audited in a process of its own; CPU time (user
and system) and peak memory are those of the process, start-up apart. ``slope`` is the exponent between the smallest and
the largest size: 1 is linear. FOLDER holds another build's packages, audited in turns with this one.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from against import ROOT, SMALL, process

_RECORD = ROOT / "examples" / "records" / "track_10min_16mb" / "2026-03-19_SP1024_PreQuantTTT"
_FUNCTION = '''
def step_{n}(model, optimizer, tokens, scale_{n}=0.{n:04d}):
    """Take step {n}."""
    inputs, targets = tokens[:-1], tokens[1:]
    logits = model(inputs) * scale_{n}
    loss = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="mean")
    if loss.item() > {n}.5:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * (1.0 - scale_{n})
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach() / math.log(2.0)
'''
_BRANCH = """
if os.environ.get("SWITCH_{n}", "0") == "1":
    width_{kept} = {n} + 1
else:
    width_{kept} = {n}
"""


def script(bytes_: int) -> str:
    """Return a script of about so many bytes: functions, all of which a loop calls."""
    text = (SMALL.read_text("utf-8")).split('if __name__ == "__main__"', 1)
    made: list[str] = []
    size = len(text[0])
    while size < bytes_:
        made.append(_FUNCTION.format(n=len(made)))
        size += len(made[-1])
    return f"import math\n{text[0]}{''.join(made)}\n" + (f'if __name__ == "__main__"{text[1]}' if len(text) > 1 else "")


def branches(count: int, names: int = 50) -> str:
    """Return a script with so many branches one after the other, each on a switch of its own; they set ``names``."""
    return (
        "import os\n"
        + "".join(_BRANCH.format(n=n, kept=n % names) for n in range(count))
        + 'print("val_bpb", width_0)\n'
    )


def _with_script(folder: Path, text: str) -> Path:
    path = folder / "train_gpt.py"
    path.write_text(text, encoding="utf-8")
    return path


def _with_logs(folder: Path, bytes_: int) -> Path:
    """Return a copy of an example whose log is padded with steps to so many bytes."""
    record = folder / "records" / "track_10min_16mb" / _RECORD.name
    shutil.copytree(_RECORD, record)
    log = next(record.glob("*.log"))
    lines = log.read_text("utf-8").splitlines(keepends=True)
    middle = len(lines) // 2
    step = "step:{n}/99999999 train_loss:2.{n:07d} train_time:{n}ms step_avg:43.50ms\n"
    with log.open("w", encoding="utf-8") as out:
        out.writelines(lines[:middle])
        for n in range(max(0, bytes_ - sum(map(len, lines))) // len(step.format(n=5_000_000))):
            out.write(step.format(n=n))
        out.writelines(lines[middle:])
    return record


_KINDS: dict[str, tuple[tuple[int, ...], str, Callable[[Path, int], Path]]] = {
    "script": ((500_000, 1_000_000, 2_000_000), "bytes", lambda folder, size: _with_script(folder, script(size))),
    "branches": ((2_500, 5_000, 10_000), "branches", lambda folder, size: _with_script(folder, branches(size))),
    "names": (
        (2_500, 5_000, 10_000),
        "branches",
        lambda folder, size: _with_script(folder, branches(size, names=size)),
    ),
    "logs": ((25_000_000, 50_000_000, 100_000_000), "bytes", _with_logs),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path)
    parser.add_argument("kinds", nargs="*", choices=[*_KINDS, []])
    given = parser.parse_args()
    builds = {"now": ROOT} | ({"base": given.base} if given.base is not None else {})
    command = [sys.executable, "-P", "-m", "auditor", "check", "--no-config", "--exit-zero"]
    idle = {name: min(process([*command, str(SMALL)], root)[0] for _ in range(2)) for name, root in builds.items()}
    for kind in given.kinds or _KINDS:
        sizes, unit, make = _KINDS[kind]
        spent: dict[str, list[float]] = {name: [] for name in builds}
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = make(Path(folder), size)
                told = []
                for name, root in builds.items():
                    cpu, peak = process([*command, str(path)], root)
                    spent[name].append(max(cpu - idle[name], 1e-3))
                    told.append(f"{name} {cpu - idle[name]:7.2f} s {peak:6.0f} MiB")
            print(f"{kind:8s} {size:>11,} {unit:8s} {'   '.join(told)}", flush=True)
        for name, costs in spent.items():
            slope = math.log(costs[-1] / costs[0]) / math.log(sizes[-1] / sizes[0])
            print(f"{kind:8s} slope {name}: {slope:.2f}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
