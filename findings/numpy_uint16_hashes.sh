#!/bin/sh
# NumPy: tokens read as uint16 and multiplied by a prime give other hashes in NumPy 1 than in NumPy 2.
#
# Guess: an array of uint16 times 65,599 is computed in a type that holds it, or fails, in every version.
# What happens: NumPy 1 looks at the value and computes in uint32; NumPy 2 doesn't, and raises OverflowError. Times a
# prime that itself fits (36,313) both stay in 16 bits and wrap round silently, so of 48 bits of a hash 16 are left.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/hashes.py" <<'EOF'
import numpy as np

tokens = np.array([3, 1000], dtype=np.uint16)
small = tokens * 36313
print(f"NumPy {np.__version__}: times 36,313 is {small} in {small.dtype}")
assert small.dtype == np.uint16 and small.tolist() == [(3 * 36313) % 65536, (1000 * 36313) % 65536]
try:
    large = tokens * 65599
    print(f"  times 65,599 is {large} in {large.dtype}")
    found = str(large.dtype)
except OverflowError as error:
    print(f"  times 65,599: {error}")
    found = "OverflowError"
expected = "uint32" if np.__version__.startswith("1.") else "OverflowError"
assert found == expected, found
EOF
for version in 1.26.4 2.2.6; do
  "${PYTHON:-python3}" -m venv "$dir/$version"
  "$dir/$version/bin/pip" install --quiet --disable-pip-version-check "numpy==$version"
  "$dir/$version/bin/python" -W ignore "$dir/hashes.py"
done
