#!/bin/sh
# jsonschema[format-nongpl]: an extra that nobody asks for by name makes every `import jsonschema`, and so every
# `import ray`, several times as slow.
#
# Guess: format checks cost something where they are used: FormatChecker() given, a schema with "format" validated.
# What happens: the extra's rfc3987-syntax builds a grammar with lark when it is imported, and jsonschema imports it
# whenever it is installed. Ray imports jsonschema in every process that it starts.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check jsonschema==4.26.0
cat > "$dir/time.py" <<'EOF'
import subprocess, sys, time

def seconds():
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import jsonschema"], check=True)
    return time.perf_counter() - begun

print(min(seconds() for _ in range(4)))
EOF
before=$("$dir/venv/bin/python" "$dir/time.py")
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check rfc3987-syntax==1.1.0 lark==1.3.1
after=$("$dir/venv/bin/python" "$dir/time.py")
"$dir/venv/bin/python" - "$before" "$after" <<'EOF'
import sys
from importlib.metadata import version

before, after = map(float, sys.argv[1:])
names = ("jsonschema", "rfc3987-syntax", "lark")
print(", ".join(f"{name} {version(name)}" for name in names))
print(f"import jsonschema: {before:.2f} s without rfc3987-syntax, {after:.2f} s with it: {after / before:.1f} times")
assert after > 3 * before
EOF
