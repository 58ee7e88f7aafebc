"""The counted code: the whole trainer as one packed script, as submissions ship theirs (#1394).

:func:`script` is a ``train_gpt.py`` that needs no other file of this package. It unpacks the modules into a folder of
its own and calls the command line, so that it runs as ``python -m reference_model`` does. Packed are the modules with
what Python does not need left out: comments, docstrings, annotations of functions. The readable form is the package.

``python -m reference_model.artifact.bundle train_gpt.py`` writes it.
"""

from __future__ import annotations

import ast
import base64
import functools
import json
import lzma
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = ("data/fetch.py", "plot.py", "parity/")  # a run downloads, draws and compares nothing

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]
_WRAPPER = """\
import base64,json,lzma,os,sys,tempfile
home=tempfile.TemporaryDirectory()
files=json.loads(lzma.decompress(base64.b85decode("{payload}")))
for name,text in files.items():
\tpath=os.path.join(home.name,name)
\tos.makedirs(os.path.dirname(path),exist_ok=True)
\topen(path,"w",encoding="utf-8").write(text)
sys.path.insert(0,home.name)
from reference_model.cli import main
main()
"""


def sources() -> tuple[Path, ...]:
    """Return the sources that a run is made of, modules and presets, sorted by path."""
    found = (path for kind in ("*.py", "*.toml") for path in ROOT.rglob(kind) if "__pycache__" not in path.parts)
    return tuple(sorted(path for path in found if not path.relative_to(ROOT).as_posix().startswith(LEFT_OUT)))


@functools.cache
def script() -> bytes:
    """Return the packed script: the same bytes for the same sources and the same build of liblzma."""
    files = {f"{ROOT.name}/{path.relative_to(ROOT).as_posix()}": _lean(path) for path in sources()}
    packed = lzma.compress(json.dumps(files).encode(), format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=_FILTERS)
    return _WRAPPER.format(payload=base64.b85encode(packed).decode()).encode()


def _lean(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return lean_module(text) if path.suffix == ".py" else lean_preset(text)


def lean_module(text: str) -> str:
    """Return the Python source ``text`` without what does not change its behaviour."""
    tree = _Lean().visit(ast.parse(text))
    return ast.unparse(ast.fix_missing_locations(tree))


def lean_preset(text: str) -> str:
    """Return the TOML ``text`` of a preset without comment lines and published results: a run reads neither."""
    kept, published = [], False
    for line in text.splitlines():
        if line.startswith("["):
            published = line.startswith("[[published]]")
        if line and not published and not line.startswith("#"):
            kept.append(line)
    return "\n".join(kept)


class _Lean(ast.NodeTransformer):
    """Takes docstrings, annotations of functions and imports for type checkers out of a module."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m reference_model.artifact.bundle FILE")
    Path(sys.argv[1]).write_bytes(script())
