#!/bin/sh
# Python: code that exec() runs in a dictionary of its own is named "builtins", and runpy.run_path runs "<run_path>".
#
# Guess: without a name given, __name__ is "__main__" there, or isn't defined; so a packed script that ends with
# `if __name__ == "__main__": main()` runs its main.
# What happens: exec() puts __builtins__ into the dictionary and a name that is missing is looked up there, where
# __name__ is "builtins". runpy.run_path has a default of its own. Neither runs main, and nothing is said.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import pathlib
import platform
import runpy

code = "ran = False\nif __name__ == '__main__':\n    ran = True\nname = __name__\n"
own = {}
exec(code, own)
pathlib.Path("packed.py").write_text(code)
path = runpy.run_path("packed.py")
main = runpy.run_path("packed.py", run_name="__main__")
here = {"__name__": "__main__"}
exec(code, here)
print(f"Python {platform.python_version()}: exec in {{}}: {own['name']!r}, run_path: {path['name']!r}")
assert (own["name"], own["ran"]) == ("builtins", False)
assert (path["name"], path["ran"]) == ("<run_path>", False)
assert main["ran"] and here["ran"]
EOF
