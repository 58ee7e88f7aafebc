"""Every script of a clone's pull requests, parsed by LibCST as ``golf-audit fix`` does, and written back unchanged.

    python benchmarks/fix_round_trip.py GIT_DIR [--every N]

Prints how many scripts LibCST reads, and each block that doesn't come back byte for byte.
"""

from __future__ import annotations

import argparse
import subprocess
from collections import Counter
from collections.abc import Iterator

from auditor.fix.change import Unfixable
from auditor.fix.python import blocks, parsed
from auditor.program.continued import blanked
from auditor.program.unpack import decode_text, unpack


def blobs(git_dir: str) -> Iterator[str]:
    """Yield each Python file below ``records`` at the heads of pull requests, once."""
    git = ("git", f"--git-dir={git_dir}")
    refs = subprocess.run(
        [*git, "for-each-ref", "--format=%(objectname)", "refs/pull"], check=True, capture_output=True, text=True
    ).stdout.split()
    seen: set[str] = set()
    for head in refs:
        listed = subprocess.run(
            [*git, "ls-tree", "-r", head, "--", "records"], check=True, capture_output=True, text=True
        ).stdout
        for line in listed.splitlines():
            meta, _, path = line.partition("\t")
            oid = meta.split()[2]
            if path.endswith(".py") and oid not in seen:
                seen.add(oid)
                yield oid


def main() -> None:
    """Read the clone that is given, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("git_dir")
    parser.add_argument("--every", type=int, default=1, help="only every N-th script")
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    for number, oid in enumerate(blobs(given.git_dir)):
        if number % given.every:
            continue
        data = subprocess.run(
            ["git", f"--git-dir={given.git_dir}", "cat-file", "blob", oid], check=True, capture_output=True
        ).stdout
        source = blanked(decode_text(unpack(data, "script.py", lambda _: None).layers[-1].data)[0])
        counts["scripts"] += 1
        try:
            for start, end in blocks(source):
                if source[start:end].strip():
                    parsed(source[start:end])
                    counts["blocks"] += 1
        except Unfixable as reason:
            counts[str(reason)] += 1
            print(f"{oid}: {reason}", flush=True)
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()))


if __name__ == "__main__":
    main()
