#!/bin/sh
# pandas: read_csv changes the last digit of one score in five.
#
# Guess: a float written with 17 digits, which float() reads back exactly, is the same number after read_csv.
# What happens: the default parser is fast and not exact; float_precision="round_trip" is. With eight digits, as logs
# print them, both agree.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pandas==2.3.3 numpy==2.2.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import io
import random
import pandas as pd

random.seed(0)
scores = [1 + random.random() / 5 for _ in range(10_000)]
text = "val_bpb\n" + "\n".join(f"{score:.17g}" for score in scores)
short = [f"{score:.8f}" for score in scores]
default = sum(a != b for a, b in zip(pd.read_csv(io.StringIO(text))["val_bpb"], scores))
exact = sum(a != b for a, b in zip(pd.read_csv(io.StringIO(text), float_precision="round_trip")["val_bpb"], scores))
rounded = sum(a != float(b) for a, b in zip(pd.read_csv(io.StringIO("v\n" + "\n".join(short)))["v"], short))
print(f"pandas {pd.__version__}: of {len(scores):,} numbers {default:,} differ, with round_trip {exact}, at 8 digits {rounded}")
assert default > 1000, "the default parser is exact now"
assert exact == 0 and rounded == 0
EOF
