"""Packed scripts are packed again as they were."""

import base64
import gzip
import lzma
import zlib

import brotli
import pytest

from auditor.fix.apply import apply
from auditor.fix.change import Edit, Unfixable
from auditor.program.unpack import unpack

INNER = "import os\n\nadapt = int(os.environ.get('ADAPT', '1'))\n" + "".join(f"x{n} = {n} * {n}\n" for n in range(24))
RAW = [{"id": lzma.FILTER_LZMA2, "preset": 9}]


def b85(data: bytes) -> str:
    return base64.b85encode(data).decode()


def rows(text: str, width: int = 60) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]


DATA = INNER.encode()
XZ = b85(lzma.compress(DATA, preset=9 | lzma.PRESET_EXTREME))
INFLATED = base64.b64encode(zlib.compress(DATA, 9)).decode()
PARTS = "\n".join(f'"{row}"' for row in rows(b85(lzma.compress(DATA, lzma.FORMAT_RAW, filters=RAW))))
FOLDED = "\n".join(rows(INFLATED))
OUTER = f"import lzma,base64\nexec(lzma.decompress(base64.b85decode('{XZ}')))\n"
TWICE = base64.b64encode(zlib.compress(OUTER.encode(), 9)).decode()
WRAPPERS = {
    "xz in one literal": OUTER,
    "raw LZMA in many": f"import lzma as L,base64 as B\nexec(L.decompress(B.b85decode(({PARTS})),"
    "format=L.FORMAT_RAW,filters=[{'id':L.FILTER_LZMA2}]))\n",
    "zlib and base64": f"import zlib,base64\nexec(zlib.decompress(base64.b64decode(b'{INFLATED}')).decode())\n",
    "rows in a long string": f"import zlib,base64\ndata = '''\n{FOLDED}\n'''\n"
    "exec(zlib.decompress(base64.b64decode(data.replace('\\n', ''))))\n",
    "gzip as hexadecimal digits": "import gzip\n"
    f"exec(gzip.decompress(bytes.fromhex('{gzip.compress(DATA, 9, mtime=0).hex()}')))\n",
    "brotli as bytes": f"import brotli\nexec(brotli.decompress({brotli.compress(DATA, quality=11)!r}))\n",
    "two wrappers": f"import zlib,base64\nexec(zlib.decompress(base64.b64decode('{TWICE}')))\n",
}


def changed(script: bytes, old: str = "'1'", new: str = "'0'") -> bytes:
    """Return a packed script with the switch of its innermost layer changed."""
    layer = unpack(script, "t.py", lambda _: None).layers[-1]
    at = layer.data.decode().index(old)
    edit = Edit("t.py", at, at + len(old), old, new, layer.index)
    return apply(lambda path: script if path == "t.py" else None, [edit])["t.py"]


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=list(WRAPPERS))
def test_the_inner_source_changes_and_the_wrapper_keeps_its_form(wrapper: str) -> None:
    before = wrapper.encode()
    after = changed(before)
    inner = unpack(after, "t.py", lambda _: None).layers[-1].data
    assert inner == DATA.replace(b"'1'", b"'0'")
    assert changed(after, "'0'", "'1'") == before  # in the very form that it had
    assert (after[:20], after[-3:]) == (before[:20], before[-3:])


def test_what_its_wrapper_reads_from_a_file_is_changed_there() -> None:
    files = {"t.py": b"exec(open('inner.py').read())\n", "inner.py": DATA}
    layers = unpack(files["t.py"], "t.py", files.get).layers
    assert len(layers) == 2
    at = INNER.index("'1'")
    made = apply(files.get, [Edit("t.py", at, at + 3, "'1'", "'0'", 1)])
    assert made == {"inner.py": DATA.replace(b"'1'", b"'0'")}


def test_a_form_that_is_not_known_is_refused() -> None:
    twice = base64.b64encode(zlib.compress(zlib.compress(DATA, 9), 9)).decode()
    script = f"import zlib,base64\nexec(zlib.decompress(zlib.decompress(base64.b64decode('{twice}'))))\n"
    with pytest.raises(Unfixable, match="isn't packed again"):
        changed(script.encode())
