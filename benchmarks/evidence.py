"""What reading a large log costs, in seconds and in memory, for logs of several make-ups.

    python benchmarks/evidence.py [megabytes] [log …]

Without a log, reads synthetic ones of the given size (100 by default). Prints CPU seconds and the peak
resident memory of a process that does nothing else, per log.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from auditor.evidence.logs import read_log

HEAD = b"seed:1337\nworld_size:8 grad_accum_steps:1\n"
TAIL = b"stopping_early: wallclock_cap train_time:600000ms step:9/20000\nfinal_exact val_loss:2.0 val_bpb:1.19\n"


def steps() -> Iterator[bytes]:
    """Yield a training log: steps, a validation now and then, messages that say nothing."""
    for i in count(1):
        yield b"step:%d/20000 train_loss:2.%04d train_time:%dms step_avg:100.10ms\n" % (i, i % 9999, i * 100)
        if i % 50 == 0:
            yield b"step:%d/20000 val_loss:2.1234 val_bpb:1.2345 train_time:%dms\n" % (i, i * 100)
        if i % 7 == 0:
            yield b"the compiler has something to say about kernel %d and nothing of use\n" % i


def chunks() -> Iterator[bytes]:
    """Yield an evaluation's progress."""
    for i in count(1):
        yield b"ttt_chunk [%d/1893] bpb=1.158340 time=%d.5s\n" % (i, i)


def sources() -> Iterator[bytes]:
    """Yield a log that prints its script again and again."""
    script = b"import os\n" + b"".join(b"def f%d(x):\n    return x + %d\n" % (i, i) for i in range(800))
    while True:
        yield script + b"=" * 100 + b"\n" + HEAD


def messages() -> Iterator[bytes]:
    """Yield lines that all differ and all look as if they measured something."""
    for i in count(1):
        word = "".join(chr(97 + int(d)) for d in str(i))
        yield b"%s eval_time tokens bytes of the %s shards are not what they seem\n" % (word.encode(), word.encode())


def warnings() -> Iterator[bytes]:
    """Yield lines that all differ and measure nothing."""
    for i in count(1):
        word = "".join(chr(97 + int(d)) for d in str(i)).encode()
        yield b"%s: unusual choice of a kernel, falling back to %s, which may be slow\n" % (word, word)


MAKEUPS: dict[str, Callable[[], Iterator[bytes]]] = {
    f.__name__: f for f in (steps, chunks, sources, messages, warnings)
}


def write(path: Path, lines: Iterator[bytes], size: int) -> None:
    """Write a log of about ``size`` bytes."""
    with path.open("wb") as out:
        written = out.write(HEAD)
        for line in lines:
            written += out.write(line)
            if written > size:
                break
        out.write(TAIL)


def measure(path: Path) -> None:
    """Print what reading one log costs this process."""
    data = path.read_bytes()
    begun = time.process_time()
    log = read_log(path.name, data)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.name:12s} {len(data) / 1e6:7.1f} MB  {log.lines:9d} lines  {len(log.runs):4d} runs  "
        f"{seconds:6.2f} s  peak {peak:5.0f} MiB"
    )


def main() -> None:
    """Measure the logs named on the command line, or synthetic ones, each in a process of its own."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--one"]:
        measure(Path(arguments[1]))
        return
    size = int(arguments.pop(0)) if arguments and arguments[0].isdecimal() else 100
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(a) for a in arguments]
        if not paths:
            for name, make in MAKEUPS.items():
                paths.append(Path(folder) / name)
                write(paths[-1], make(), size * 1_000_000)
        for path in paths:
            subprocess.run([sys.executable, __file__, "--one", str(path)], check=True)


if __name__ == "__main__":
    main()
