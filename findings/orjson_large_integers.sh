#!/bin/sh
# orjson: an integer of more than 64 bits becomes a float, and msgspec and json keep every digit.
#
# Guess: an integer in JSON is a Python integer, or an error where the reader has no room for it.
# What happens: 18446744073709551617 is 1.8446744073709552e+19 with orjson, another number and another type. A hash or a
# count of FLOPs that is kept as a number in submission.json doesn't survive.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check orjson==3.11.3 msgspec==0.19.0
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import json
import msgspec
import orjson

text = b"18446744073709551617"
found = {"orjson": orjson.loads(text), "json": json.loads(text), "msgspec": msgspec.json.decode(text)}
print(f"orjson {orjson.__version__}, msgspec {msgspec.__version__}: {found}")
assert isinstance(found["orjson"], float) and int(found["orjson"]) != int(text), "orjson keeps large integers now"
assert found["json"] == found["msgspec"] == int(text)
assert orjson.loads(b"18446744073709551615") == 2**64 - 1
EOF
