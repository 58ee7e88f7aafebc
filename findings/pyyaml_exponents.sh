#!/bin/sh
# PyYAML: a learning rate of 1e-3 is a string, and 1:20 is the number 80.
#
# Guess: what every other reader takes for a number (1e-3, 1.08e0) is one; 017 is 17 or an error.
# What happens: YAML 1.1, which PyYAML reads, wants a point and a sign in the exponent, has base sixty, and takes a
# leading zero for octal. ruamel.yaml, which reads YAML 1.2, has the numbers that one expects.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check PyYAML==6.0.2 ruamel.yaml==0.18.15
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import yaml
from ruamel.yaml import YAML

texts = ["1e-3", "1.08e0", "1.0e-3", "017", "1:20"]
found = {text: yaml.safe_load(text) for text in texts}
newer = {text: YAML(typ="safe").load(text) for text in texts}
print(f"PyYAML {yaml.__version__}: {found}")
print(f"ruamel.yaml: {newer}")
assert found == {"1e-3": "1e-3", "1.08e0": "1.08e0", "1.0e-3": 0.001, "017": 15, "1:20": 80}, found
assert newer == {"1e-3": 0.001, "1.08e0": 1.08, "1.0e-3": 0.001, "017": 17, "1:20": "1:20"}, newer
EOF
