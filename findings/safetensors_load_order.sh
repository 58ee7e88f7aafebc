#!/bin/sh
# safetensors: `load(bytes)` gives the tensors in another order in every process; `load_file` of the same bytes does not.
#
# Guess: a state that was saved and loaded has the order of its names in the file (or, for `save` sorts them by the width
# of their type and by name, that order), so that what is computed tensor by tensor is the same in every run.
# What happens: the file's order is fixed and `load_file` gives the names sorted, but `load` of the file's bytes gives an
# order that changes from process to process. A digest over the values in turn, random draws tensor by tensor, or a
# stream compressed in that order differ from run to run with nothing random in the script.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cat > "$dir/order.py" <<'EOF'
import hashlib, json, struct, sys

import numpy as np
from safetensors.numpy import load, load_file, save

names = ("wq", "wk", "wv", "wo", "up", "down", "gate", "norm")
state = {name: np.full(2, place, np.float32 if name == "norm" else np.float16) for place, name in enumerate(names)}
data = save(state)
(length,) = struct.unpack("<Q", data[:8])
with open(sys.argv[1], "wb") as file:
    file.write(data)
loaded = load(data)
assert set(loaded) == set(state) and all((loaded[name] == state[name]).all() for name in state)
print(json.dumps({
    "file": list(json.loads(data[8 : 8 + length])),
    "load_file": list(load_file(sys.argv[1])),
    "load": list(loaded),
    "digest": hashlib.sha256(b"".join(value.tobytes() for value in loaded.values())).hexdigest()[:12],
}))
EOF
cat > "$dir/runs.py" <<'EOF'
import json, platform, subprocess, sys
from importlib.metadata import version

runs = [json.loads(subprocess.check_output([sys.executable, *sys.argv[1:]])) for _ in range(12)]
print(f"safetensors {version('safetensors')}, numpy {version('numpy')}, Python {platform.python_version()}")
orders = {key: sorted({tuple(run[key]) for run in runs}) for key in ("file", "load_file", "load")}
print(f"in the file, 12 processes: {orders['file']}")
print(f"load_file: {orders['load_file']}")
print(f"load: {len(orders['load'])} orders, {len({run['digest'] for run in runs})} digests; two of them: {orders['load'][:2]}")
assert orders["file"] == [("norm", "down", "gate", "up", "wk", "wo", "wq", "wv")], orders["file"]
assert len(orders["load_file"]) == 1 and len(orders["load"]) > 1 and len({run["digest"] for run in runs}) > 1
EOF
"$dir/venv/bin/python" "$dir/runs.py" "$dir/order.py" "$dir/state.safetensors"
