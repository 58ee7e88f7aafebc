"""Every script of a clone's pull requests, parsed by LibCST as ``golf-audit fix`` does, and written back unchanged.

    python benchmarks/fix_round_trip.py GIT_DIR [--every N]

Prints how many scripts LibCST reads, and each that it doesn't, or doesn't write back byte for byte, with its error.
Most scripts share their statements with others: each text is parsed once.
"""

from __future__ import annotations

import argparse
import subprocess
from collections import Counter
from collections.abc import Iterator

import libcst as cst

from auditor.fix.change import Unfixable
from auditor.fix.python import blocks, parsed
from auditor.program.continued import blanked
from auditor.program.from_libcst import without_validation
from auditor.program.unpack import decode_text, unpack


def blobs(git_dir: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield object, path and bytes of each distinct Python file below ``records`` at the heads of pull requests."""
    git = ("git", f"--git-dir={git_dir}")
    refs = subprocess.run(
        [*git, "for-each-ref", "--format=%(objectname)", "refs/pull"], check=True, capture_output=True, text=True
    ).stdout.split()
    found: dict[str, str] = {}
    for head in refs:
        listed = subprocess.run([*git, "ls-tree", "-r", "-z", head, "--", "records"], check=True, capture_output=True)
        for line in listed.stdout.decode("utf-8", "replace").split("\0"):
            meta, _, path = line.partition("\t")
            if path.endswith(".py"):
                found.setdefault(meta.split()[2], path)
    with subprocess.Popen([*git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for oid, path in found.items():
            reader.stdin.write(f"{oid}\n".encode())
            reader.stdin.flush()
            size = int(reader.stdout.readline().split()[2])
            yield oid, path, reader.stdout.read(size)
            reader.stdout.read(1)


def why_not(source: str, known: dict[str, str | None]) -> str | None:
    """Return why LibCST doesn't give ``source`` back, block by block; None where it does."""
    places = blocks(source)
    if "".join(source[start:end] for start, end in places) != source:
        return "its blocks leave something out"
    for start, end in places:
        block = source[start:end]
        if block.strip() and block not in known:
            known[block] = _error(block)
        if known.get(block) is not None:
            return f"line {source.count(chr(10), 0, start) + 1}: {known[block]}"
    return None


def _error(block: str) -> str | None:
    try:
        parsed(block)
    except Unfixable as reason:
        try:
            with without_validation():
                cst.parse_module(block)
        except (cst.ParserSyntaxError, cst.CSTValidationError, ValueError, RecursionError) as error:
            return f"{reason}: {' '.join(str(error).split())[:200]}"
        return str(reason)
    return None


def main() -> None:
    """Read the clone that is given, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("git_dir")
    parser.add_argument("--every", type=int, default=1, help="only every N-th script")
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    known: dict[str, str | None] = {}
    for number, (oid, path, data) in enumerate(blobs(given.git_dir)):
        if number % given.every:
            continue
        source = blanked(decode_text(unpack(data, "script.py", lambda _: None).layers[-1].data)[0])
        why = why_not(source, known)
        counts["scripts"] += 1
        counts["bytes"] += len(data)
        counts["given back byte for byte" if why is None else "not"] += 1
        if why is not None:
            print(f"{oid} {path}: {why}", flush=True)
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()) + f"; {len(known):,} distinct statements")


if __name__ == "__main__":
    main()
