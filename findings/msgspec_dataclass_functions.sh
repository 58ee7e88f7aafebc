#!/bin/sh
# msgspec and mypy: `dataclasses.replace`, `asdict` and `fields` of a Struct pass `mypy --strict` and raise when they run.
#
# Guess: records that move from dataclasses to msgspec.Struct are found by the type checker wherever the functions of
# `dataclasses` are still called on them.
# What happens: a Struct is declared with `dataclass_transform`, and mypy takes that for a dataclass in every respect, so
# the strict check is clean; at run time all three raise TypeError. Its own functions are msgspec.structs.replace,
# asdict and fields; of a plain class mypy does refuse the same calls.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check msgspec==0.23.0 mypy==2.4.1
cat > "$dir/record.py" <<'EOF'
import dataclasses

import msgspec


class Score(msgspec.Struct, frozen=True):
    val_bpb: float
    seed: int = 1337


def copies(score: Score) -> list[object]:
    return [dataclasses.replace(score, seed=42), dataclasses.asdict(score), dataclasses.fields(score)]
EOF
cat > "$dir/plain.py" <<'EOF'
import dataclasses


class Plain:
    seed: int = 1337


def copies(plain: Plain) -> list[object]:
    return [dataclasses.replace(plain, seed=42), dataclasses.asdict(plain), dataclasses.fields(plain)]
EOF
cat > "$dir/show.py" <<'EOF'
import dataclasses, platform, subprocess, sys
from importlib.metadata import version

import msgspec
from record import Score


def checked(name):
    ran = subprocess.run([sys.executable, "-m", "mypy", "--strict", name], capture_output=True, text=True)
    return ran.returncode, ran.stdout.strip().splitlines()


def raised(call):
    try:
        return f"gave {call()!r}"
    except TypeError as error:
        return f"TypeError: {error}"


score = Score(1.07)
print(f"msgspec {version('msgspec')}, mypy {version('mypy')}, Python {platform.python_version()}")
record, plain = checked("record.py"), checked("plain.py")
print(f"mypy --strict of the Struct: {record[1][-1]}; of a plain class: {plain[1][-1]}")
ran = [raised(lambda: dataclasses.replace(score, seed=42)), raised(lambda: dataclasses.asdict(score)),
       raised(lambda: dataclasses.fields(score))]
print(f"when they run: {ran}; msgspec.structs.replace gives {msgspec.structs.replace(score, seed=42)}")
assert record[0] == 0 and plain[1][-1].startswith("Found 3 errors"), (record, plain)
assert all(words.startswith("TypeError") for words in ran), ran
EOF
cd "$dir"
"$dir/venv/bin/python" show.py
