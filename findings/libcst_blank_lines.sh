#!/bin/sh
# LibCST: what it writes back is not always what it read, form feeds and last blank lines apart from code.
#
# Guess: `parse_module(text).code == text` for every text that it parses (its README: it keeps all formatting details).
# What happens: a form feed before a statement is dropped, and so is one of several last lines that hold blanks only;
# the same lines before another statement stay.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check libcst==1.9.0
cd "$dir"
"$dir/venv/bin/python" - <<'EOF'
from importlib.metadata import version
import libcst

dropped = ["\fimport os\n", "x = 1\n\fdef f():\n    pass\n", "import os\n \n \n", "import os\n\f\n\f\n",
           "if x:\n    y\n \n  \n"]
kept = ["import os\n\f\nx = 1\n", "import os\n \nx = 1\n", "x = 1\n  \n"]
print(f"libcst {version('libcst')}")
for text in [*dropped, *kept]:
    compile(text, "t.py", "exec")
    code = libcst.parse_module(text).code
    print(f"  {text!r:34} comes back as {code!r}")
    assert (code == text) == (text in kept), f"{text!r} is another case now"
EOF
