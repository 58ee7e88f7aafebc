#!/bin/sh
# tree-sitter-python: a tree without an error is no sign of Python 3, nor of Python.
#
# Guess: `has_error` is true for what no Python 3 reads.
# What happens: Python 2's print, exec, backquotes, <> and `except E, e`, a block that isn't indented, and a default
# before a parameter without one all have trees without an error.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tree-sitter==0.25.2 tree-sitter-python==0.25.0
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import ast
from importlib.metadata import version
import tree_sitter
import tree_sitter_python

parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
texts = ["print 'x', y\n", "exec code in ns\n", "x = `y`\n", "x = 1 <> 2\n", "x = 0777\n", "if x:\npass\n",
         " x = 1\ny = 2\n", "def f(a=1, b): pass\n", "f(a=1, 2)\n", "try:\n  pass\nexcept E, e:\n  pass\n"]
print(f"tree-sitter-python {version('tree-sitter-python')}")
for text in texts:
    try:
        ast.parse(text)
    except SyntaxError as error:
        refused = error.msg
    else:
        raise AssertionError(f"Python reads {text!r}")
    has_error = parser.parse(text.encode()).root_node.has_error
    print(f"  {text!r:45} has_error={has_error}  Python: {refused}")
    assert not has_error, f"{text!r} is an error now"
EOF
