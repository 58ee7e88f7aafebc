#!/bin/sh
# ml_dtypes: int4 takes a byte for each value and wraps round; float8 becomes NaN where float4 saturates.
#
# Guess: a four-bit array is half a byte for each value, and what is too large becomes the largest value.
# What happens: nbytes is the number of values, 8 as int4 is -8, 465 as float8_e4m3fn (largest: 448) is NaN, and 100 as
# float4_e2m1fn (largest: 6) is 6.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ml_dtypes==0.5.3 numpy==2.2.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import ml_dtypes
import numpy as np

four = np.array([7, 8, 9, -9]).astype(ml_dtypes.int4)
eight = np.array([448.0, 464.0, 465.0], dtype=np.float32).astype(ml_dtypes.float8_e4m3fn)
tiny = np.array([6.0, 7.0, 100.0], dtype=np.float32).astype(ml_dtypes.float4_e2m1fn)
print(f"ml_dtypes {ml_dtypes.__version__}: int4 {four} in {four.nbytes} bytes, float8 {eight}, float4 {tiny}")
assert four.nbytes == 4 and [int(x) for x in four] == [7, -8, -7, 7], "int4 has changed"
assert [float(x) for x in eight[:2]] == [448.0, 448.0] and np.isnan(float(eight[2])), "float8 has changed"
assert [float(x) for x in tiny] == [6.0, 6.0, 6.0], "float4 has changed"
EOF
