"""What the demo costs and comes to, beside another form of it: processor time and score of the same seeds.

    git show REV:reference_model/presets/demo.toml > /tmp/before.toml
    python benchmarks/demo.py demo /tmp/before.toml [--seeds 1337 42 2024] [--threads 1] [--most 360]

Each argument is a preset or a TOML file; ``--threads`` may name one number for each. Runs of one seed follow each
other, so that what else the machine does weighs on all forms alike, and their place changes from seed to seed. Time is
user and system time of the whole process, start and evaluation included. Scores are of the last evaluation. Exit code
1 when the first form takes more than ``--most`` seconds or scores worse than any other one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

BAR_SECONDS = 360.0  # of three seeds


def processor_seconds() -> float:
    """Return user and system time of all ended children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(preset: str, seed: int, threads: int, folder: Path) -> tuple[float, float]:
    """Return processor seconds and val_bpb of one run."""
    before = processor_seconds()
    command = [sys.executable, "-m", "reference_model", "--preset", preset, "--seed", str(seed), "--out", str(folder)]
    given = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        command, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"{preset}, seed {seed}: {done.stderr.strip() or done.returncode}")
    scores = json.loads((folder / "run.json").read_text(encoding="utf-8"))["scores"]
    return processor_seconds() - before, float(scores[-1]["val_bpb"])


def main() -> int:
    """Run all seeds of all forms and print what they took and came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1337, 42, 2024])
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--most", type=float, default=BAR_SECONDS)
    options = parser.parse_args()
    threads = options.threads * (len(options.presets) if len(options.threads) == 1 else 1)
    forms = list(zip(options.presets, threads, strict=True))
    found: dict[tuple[str, int], list[tuple[float, float]]] = {form: [] for form in forms}
    with tempfile.TemporaryDirectory(prefix="golf-demo-") as folder:
        for turn, seed in enumerate(options.seeds):
            for preset, count in forms[turn % len(forms) :] + forms[: turn % len(forms)]:
                place = Path(folder, f"{seed}_{len(found[preset, count])}_{forms.index((preset, count))}")
                seconds, bpb = run(preset, seed, count, place)
                found[preset, count].append((seconds, bpb))
                load = os.getloadavg()[0]
                print(f"{preset}  seed {seed}  {seconds:.1f} s  val_bpb {bpb:.6f}  load {load:.1f}", flush=True)
    totals = {form: (sum(s for s, _ in runs), mean(b for _, b in runs)) for form, runs in found.items()}
    first = totals[forms[0]]
    for (preset, count), (seconds, bpb) in totals.items():
        share = f"{first[0] / seconds:.3f} of it" if (preset, count) != forms[0] else ""
        print(f"{preset}, {count} thread(s): {seconds:.1f} s, mean val_bpb {bpb:.6f}  {share}")
    return int(first[0] > options.most or any(first[1] > bpb for _, bpb in totals.values()))


if __name__ == "__main__":
    sys.exit(main())
