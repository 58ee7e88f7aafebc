#!/bin/sh
# zlib-ng: a higher level compresses quantised weights worse, and level 1 makes them larger.
#
# Guess: level 9 is the smallest, level 1 the largest and still smaller than the input, as with zlib.
# What happens: on int6 weights in bytes, level 6 is smaller than level 9 by 7 %, and level 1 gives more than it got.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check zlib-ng==1.0.0 numpy==2.2.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import zlib
import numpy as np
from zlib_ng import zlib_ng

weights = np.clip(np.round(np.random.default_rng(0).normal(0, 8, 1 << 20)), -31, 31).astype(np.int8).tobytes()
sizes = {level: len(zlib_ng.compress(weights, level)) for level in (1, 6, 9)}
print(f"zlib-ng {zlib_ng.ZLIBNG_VERSION}: {len(weights):,} bytes in")
for level, size in sizes.items():
    print(f"  level {level}: {size:,} (zlib: {len(zlib.compress(weights, level)):,})")
assert zlib_ng.decompress(zlib_ng.compress(weights, 1)) == weights
assert sizes[1] > len(weights), "level 1 no longer makes weights larger"
assert sizes[9] > sizes[6] * 1.05, "level 9 is no longer worse than level 6"
EOF
