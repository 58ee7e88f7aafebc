#!/bin/sh
# torch.save: the size of a file depends on its name, and ten numbers of a large tensor take as much as all of it.
#
# Guess: the bytes are those of the values; a slice is as large as the slice.
# What happens: the archive inside begins each entry with the file's name, so a longer name is a larger file, and a view
# is saved with the whole storage behind it. clone() before saving is what one wants. It counts where a model may have
# 16,000,000 bytes.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.2.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import os
import torch

weights = torch.zeros(1_000_000, dtype=torch.int8)
torch.save(weights, "m.pt")
torch.save(weights, "final_model_of_the_third_seed_quantised_to_int8.pt")
torch.save(weights[:10], "slice.pt")
torch.save(weights[:10].clone(), "clone.pt")
sizes = {name: os.path.getsize(name) for name in sorted(os.listdir(".")) if name.endswith(".pt")}
print(f"torch {torch.__version__}: {sizes}")
short, long = sizes["m.pt"], sizes["final_model_of_the_third_seed_quantised_to_int8.pt"]
assert long > short, "a file's size no longer depends on its name"
assert sizes["slice.pt"] > 1_000_000 > sizes["clone.pt"], "a slice is saved alone now"
EOF
