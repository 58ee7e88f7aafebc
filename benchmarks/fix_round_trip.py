"""Every Python file of a clone's pull requests, parsed by LibCST as ``golf-audit fix`` does, and written back.

    python benchmarks/fix_round_trip.py GIT_DIR [--every N] [--results FILE]

Each distinct file of any head is read once, those of record folders first; what is packed is unpacked. Most files share
their statements with others: each text is parsed once. Prints how many LibCST reads, and each that it doesn't, or
doesn't write back byte for byte, with its error. With ``--results`` each file's row is kept, and a run that was broken
off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst

from auditor.fix.change import Unfixable
from auditor.fix.python import blocks, parsed
from auditor.program.continued import blanked
from auditor.program.from_libcst.parsing import without_validation
from auditor.program.unpack import decode_text, unpack


def scripts(git_dir: str) -> dict[str, str]:
    """Return the paths of all distinct Python files at the heads of pull requests by object, records first."""
    git = ("git", f"--git-dir={git_dir}")
    refs = subprocess.run(
        [*git, "for-each-ref", "--format=%(objectname)", "refs/pull"], check=True, capture_output=True, text=True
    ).stdout.split()
    found: dict[str, str] = {}
    for head in dict.fromkeys(refs):
        listed = subprocess.run([*git, "ls-tree", "-r", "-z", head], check=True, capture_output=True)
        for line in listed.stdout.decode("utf-8", "replace").split("\0"):
            meta, _, path = line.partition("\t")
            if path.endswith(".py") and meta.split()[1] == "blob":
                found.setdefault(meta.split()[2], path)
    return dict(sorted(found.items(), key=lambda item: not item[1].startswith("records/")))


def contents(git_dir: str, oids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each object with its bytes."""
    git = ("git", f"--git-dir={git_dir}")
    with subprocess.Popen([*git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for oid in oids:
            reader.stdin.write(f"{oid}\n".encode())
            reader.stdin.flush()
            size = int(reader.stdout.readline().split()[2])
            yield oid, reader.stdout.read(size)
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
    parser.add_argument("--every", type=int, default=1, help="only every N-th file")
    parser.add_argument("--results", type=Path, help="JSON lines, one a file; those that are there aren't read again")
    given = parser.parse_args()
    paths = dict(list(scripts(given.git_dir).items())[:: given.every])
    rows: dict[str, dict[str, str | int | None]] = {}
    if given.results is not None and given.results.exists():
        kept = (json.loads(line) for line in given.results.read_text().splitlines() if line.endswith("}"))
        rows = {row["oid"]: row for row in kept if row["oid"] in paths}
    known: dict[str, str | None] = {}
    for oid, data in contents(given.git_dir, [oid for oid in paths if oid not in rows]):
        layers = unpack(data, "script.py", lambda _: None).layers
        why = why_not(blanked(decode_text(layers[-1].data)[0]), known)
        rows[oid] = {"oid": oid, "path": paths[oid], "bytes": len(data), "layer": len(layers) - 1, "why": why}
        if given.results is not None:
            with given.results.open("a") as file:
                file.write(json.dumps(rows[oid]) + "\n")
    counts: Counter[str] = Counter()
    for row in rows.values():
        kind = "in record folders" if str(row["path"]).startswith("records/") else "elsewhere"
        counts[f"files {kind}"] += 1
        counts[f"bytes {kind}"] += int(row["bytes"] or 0)
        counts["packed"] += row["layer"] != 0
        counts["given back byte for byte" if row["why"] is None else "not"] += 1
        if row["why"] is not None:
            print(f"{row['oid']} {row['path']}: {row['why']}")
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()))


if __name__ == "__main__":
    main()
