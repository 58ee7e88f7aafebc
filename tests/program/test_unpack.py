from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Mapping

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.program.unpack import Unpacked, embedded, unpack

INNER = "import os\n\nSEED = 7  # ünïcode\n\nclass Model:\n    pass\n\nprint('steps', SEED)\n"
RAW = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


def peel(text: str, siblings: Mapping[str, bytes] | None = None, path: str = "train_gpt.py") -> Unpacked:
    return unpack(text.encode(), path, lambda name: (siblings or {}).get(name))


def inner(text: str, siblings: Mapping[str, bytes] | None = None) -> bytes:
    result = peel(text, siblings)
    assert result.failure is None, str(result.failure)
    return result.layers[-1].data


def xz85(text: str = INNER) -> str:
    return base64.b85encode(lzma.compress(text.encode())).decode()


def raw85(text: str = INNER) -> str:
    return base64.b85encode(lzma.compress(text.encode(), lzma.FORMAT_RAW, filters=RAW)).decode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


Z = b64(zlib.compress(INNER.encode()))
GZIP = b64(gzip.compress(INNER.encode(), mtime=0))
BZ2 = b64(bz2.compress(INNER.encode()))
BROTLI = b64(brotli.compress(INNER.encode()))
SHIFTED = INNER.translate(str.maketrans("fghijklmnopqrstuvwxyzabcde", "abcdefghijklmnopqrstuvwxyz"))

WRAPPERS = {
    "raw lzma, keyword filters": (
        "import lzma as L,base64 as B\n"
        f'exec(L.decompress(B.b85decode("{raw85()}"),format=L.FORMAT_RAW,'
        'filters=[{"id":L.FILTER_LZMA2,"preset":9|L.PRESET_EXTREME}]))'
    ),
    "raw lzma, positional": (
        "import lzma as L,base64 as B\n"
        f'exec(L.decompress(B.b85decode("{raw85()}"),L.FORMAT_RAW,None,[{{"id":L.FILTER_LZMA2}}]))'
    ),
    "xz of a bytes literal": (f"import lzma,base64\nexec(lzma.decompress(base64.b85decode({xz85().encode()!r})))"),
    "decoded": f"import lzma,base64\nexec(lzma.decompress(base64.b85decode({xz85()!r})).decode('utf-8'))",
    "compiled": (
        f"import lzma,base64\nexec(compile(lzma.decompress(base64.b85decode({xz85()!r})),__file__,'exec'),globals())"
    ),
    "linecache": (
        "import lzma as L,base64 as B,linecache as C\n"
        f"S=L.decompress(B.b85decode({xz85()!r})).decode()\nF=__file__+'.x'\n"
        "C.cache[F]=(len(S),None,S.splitlines(True),F);exec(compile(S,F,'exec'))"
    ),
    "declared size": (f"import lzma,base64\n__wrapper_size__=123\nexec(lzma.decompress(base64.b85decode({xz85()!r})))"),
    "newlines taken out": (
        "import zlib,base64\n_b=b'''\n" + "\n".join(Z[i : i + 40] for i in range(0, len(Z), 40)) + "\n'''\n"
        "exec(zlib.decompress(base64.b64decode(_b.replace(b'\\n',b''))))"
    ),
    "joined parts": (
        "from zlib import decompress as d\nfrom base64 import b64decode\n"
        f"parts = [{Z[:30]!r}, {Z[30:60]!r}]\nparts.append({Z[60:]!r})\n"
        "exec(d(b64decode(''.join(parts))))"
    ),
    "concatenated and sliced": (
        f"import zlib, base64\nP = 'xx' + {Z[:50]!r} + {Z[50:]!r}\nexec(zlib.decompress(base64.b64decode(P[2:])))"
    ),
    "reversed": f"import zlib,base64\nexec(zlib.decompress(base64.b64decode({Z[::-1]!r}[::-1])))",
    "hex": f"exec(bytes.fromhex({INNER.encode().hex()!r}).decode())",
    "xor comprehension": (
        f"K=42\nD={bytes(c ^ 42 for c in INNER.encode())!r}\nexec(bytes(c ^ K for c in D).decode('utf8'))"
    ),
    "chr and ord": (f"T={''.join(chr(ord(c) + 3) for c in INNER)!r}\nexec(''.join(chr(ord(c)-3) for c in T))"),
    "list of numbers": f"exec(''.join(map(chr, {[ord(c) for c in INNER]!r})))",
    "translate": (
        f"import string\na=string.ascii_lowercase\nt=str.maketrans(a, a[5:]+a[:5])\nexec({SHIFTED!r}.translate(t))"
    ),
    "rot13": f"import codecs\nexec(codecs.decode({__import__('codecs').encode(INNER, 'rot13')!r}, 'rot_13'))",
    "decoder function": (
        "import zlib, base64\n"
        "def _load(s, key=0):\n"
        "    raw = base64.b64decode(s)\n    out = zlib.decompress(raw)\n    return out.decode()\n"
        f"exec(_load({Z!r}))"
    ),
    "lambda": f"import zlib,base64\nd=lambda s:zlib.decompress(base64.b64decode(s))\nexec(d({Z!r}))",
    "main function": (
        "import zlib, base64\n"
        f"def main():\n    code = zlib.decompress(base64.b64decode({Z!r}))\n"
        "    exec(compile(code, 'x', 'exec'), {'__name__': '__main__', '__file__': __file__})\n"
        "if __name__ == '__main__':\n    main()\n"
    ),
    "loop decoder": (
        f"D = {bytes((c + i) % 256 for i, c in enumerate(INNER.encode()))!r}\n"
        "out = bytearray()\nfor i, c in enumerate(D):\n    out.append((c - i) % 256)\nexec(bytes(out))"
    ),
    "aliased decompressors": (
        "from zstandard import ZstdDecompressor as D\nfrom base64 import b64decode as b\n"
        f"exec(D().decompress(b({b64(zstandard.compress(INNER.encode()))!r})))"
    ),
    "aliased types": f"B=bytearray\nT=tuple\nexec(bytes(B(T({list(INNER.encode())!r}))))",
    "aliased exec": f"import zlib,base64\nrun=exec\nrun(zlib.decompress(base64.b64decode({Z!r})))",
    "exec by name": (f"import zlib,base64\ngetattr(__builtins__,'ex'+'ec')(zlib.decompress(base64.b64decode({Z!r})))"),
    "imported inline": f"exec(__import__('zlib').decompress(__import__('base64').b64decode({Z!r})))",
    "eval of compile": (f"import zlib,base64\neval(compile(zlib.decompress(base64.b64decode({Z!r})),'f','exec'))"),
    "function type": (
        "import zlib,base64,types\n"
        f"types.FunctionType(compile(zlib.decompress(base64.b64decode({Z!r})),'f','exec'),globals())()"
    ),
    "written and run": (
        "import zlib,base64,os,runpy,tempfile\n"
        f"c=zlib.decompress(base64.b64decode({Z!r}))\nd=tempfile.mkdtemp()\nf=os.path.join(d,'train.py')\n"
        "open(f,'wb').write(c)\nrunpy.run_path(f,run_name='__main__')"
    ),
    "written and run with pathlib": (
        "import zlib,base64,runpy\nfrom pathlib import Path\n"
        "p=Path(__file__).resolve().parent/'_x.py'\n"
        f"p.write_bytes(zlib.decompress(base64.b64decode({Z!r})))\n"
        "runpy.run_path(str(p), run_name='__main__')"
    ),
    "written and loaded": (
        "import zlib,base64,importlib.util,tempfile,os\n"
        "with tempfile.TemporaryDirectory() as d:\n    f=os.path.join(d,'m.py')\n"
        f"    with open(f,'w') as h:\n        h.write(zlib.decompress(base64.b64decode({Z!r})).decode())\n"
        "    s=importlib.util.spec_from_file_location('m',f)\n    m=importlib.util.module_from_spec(s)\n"
        "    s.loader.exec_module(m)\n"
    ),
    "written and started": (
        "import zlib,base64,subprocess,sys\n"
        f"open('/tmp/run.py','wb').write(zlib.decompress(base64.b64decode({Z!r})))\n"
        "sys.exit(subprocess.call([sys.executable,'/tmp/run.py',*sys.argv[1:]]))"
    ),
    "python -c": (
        "import zlib,base64,os,sys\n"
        f"os.execv(sys.executable,[sys.executable,'-c',zlib.decompress(base64.b64decode({Z!r})).decode()])"
    ),
    "file object": (
        f"import gzip,io,base64\nexec(gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode({GZIP!r}))).read())"
    ),
    "decompressor object": (f"import zlib,base64\nexec(zlib.decompressobj().decompress(base64.b64decode({Z!r})))"),
    "zstd object": (
        "import zstandard as z,base64\n"
        f"exec(z.ZstdDecompressor().decompress(base64.b64decode({b64(zstandard.compress(INNER.encode()))!r})))"
    ),
    "brotli": (f"import brotli,base64\nexec(brotli.decompress(base64.b64decode({BROTLI!r})))"),
    "optional module": (
        "import base64\ntry:\n    import brotli\nexcept ImportError:\n    raise SystemExit('needs brotli')\n"
        f"exec(brotli.decompress(base64.b64decode({BROTLI!r})))"
    ),
    "bz2": (f"import bz2,base64\nexec(bz2.decompress(base64.b64decode({BZ2!r})))"),
    "a85": f"import base64\nexec(base64.a85decode({base64.a85encode(INNER.encode())!r}))",
    "b32": f"import base64\nexec(base64.b32decode({base64.b32encode(INNER.encode())!r}))",
    "b16": f"import base64\nexec(base64.b16decode({base64.b16encode(INNER.encode())!r}))",
    "binascii": f"import binascii as a,zlib\nexec(zlib.decompress(a.a2b_base64({Z!r})))",
    "exec of exec": f'import zlib,base64\nexec("exec(zlib.decompress(base64.b64decode({Z!r})))")',
    "fullwidth name": f"import zlib,base64\nｅｘｅｃ(zlib.decompress(base64.b64decode({Z!r})))",
}


@pytest.mark.parametrize("shape", WRAPPERS)
def test_the_inner_source_comes_out_byte_for_byte(shape: str) -> None:
    result = peel(WRAPPERS[shape])
    assert result.failure is None, str(result.failure)
    assert result.layers[-1].data == INNER.encode()
    assert result.packed
    assert result.layers[0].data == WRAPPERS[shape].encode()


def test_layers_say_how_and_from_which_line() -> None:
    result = peel(WRAPPERS["raw lzma, keyword filters"])
    assert [(layer.index, layer.how, layer.line, layer.path) for layer in result.layers] == [
        (0, (), None, "train_gpt.py"),
        (1, ("b85decode", "lzma raw"), 2, "train_gpt.py"),
    ]


def test_layers_nest() -> None:
    text = INNER
    for _ in range(3):
        text = f"import lzma,base64\nexec(lzma.decompress(base64.b85decode({xz85(text)!r})))\n"
    result = peel(text)
    assert len(result.layers) == 4
    assert result.layers[3].data == INNER.encode()


def test_a_nested_layer_uses_names_of_the_one_above() -> None:
    second = "exec(bytes(c ^ KEY for c in DATA))"
    data = bytes(c ^ 9 for c in INNER.encode())
    assert inner(f"KEY=9\nDATA={data!r}\nexec(bytes.fromhex({second.encode().hex()!r}))") == INNER.encode()


def test_the_payload_may_lie_in_the_script_itself() -> None:
    packed = base64.b64encode(zlib.compress(INNER.encode())).decode()
    text = (
        "import zlib, base64\n"
        "exec(zlib.decompress(base64.b64decode(open(__file__).read().split('#DATA:')[2])))\n"
        f"#DATA:{packed}"
    )
    assert inner(text) == INNER.encode()


@pytest.mark.parametrize(
    "reading",
    [
        "open('part.bin','rb').read()",
        "open(os.path.join(os.path.dirname(os.path.abspath(__file__)),'part.bin'),'rb').read()",
        "Path(__file__).with_name('part.bin').read_bytes()",
        "(Path(__file__).parent / 'part.bin').read_bytes()",
        "pkgutil.get_data(__name__, 'part.bin')",
        "open('records/track_10min_16mb/2026-01-01_Mine/part.bin','rb').read()",
    ],
)
def test_the_payload_may_lie_in_a_sibling(reading: str) -> None:
    text = f"import zlib,os,pkgutil\nfrom pathlib import Path\nexec(zlib.decompress({reading}))"
    assert inner(text, {"part.bin": zlib.compress(INNER.encode())}) == INNER.encode()


@pytest.mark.parametrize(
    "text",
    [
        "exec(open(__file__.replace('train_gpt.py','train_gpt_decode.py')).read())",
        "import runpy\nrunpy.run_path('train_gpt_decode.py', run_name='__main__')",
        "import runpy\nrunpy.run_module('train_gpt_decode', run_name='__main__')",
    ],
)
def test_a_redirect_leads_to_the_other_file(text: str) -> None:
    result = peel(text, {"train_gpt_decode.py": INNER.encode()})
    assert [(layer.path, layer.data) for layer in result.layers[1:]] == [("train_gpt_decode.py", INNER.encode())]


def test_environment_defaults_of_a_wrapper_are_kept() -> None:
    result = peel(
        "import os, zlib, base64\nos.environ.setdefault('TTT_ENABLED','1')\nos.environ['SEED']='42'\n"
        "for k, v in {'A': '1', 'B': '2'}.items():\n    os.environ.setdefault(k, v)\n"
        f"os.environ.update(dict(C='3'))\nexec(zlib.decompress(base64.b64decode({Z!r})))"
    )
    assert dict(result.environ) == {"TTT_ENABLED": "1", "SEED": "42", "A": "1", "B": "2", "C": "3"}


def test_a_payload_may_be_split_into_several_files() -> None:
    parts = "\n#----\n".join([INNER, "__global__ void k() {}", "int f() { return 1; }"])
    result = peel(
        "import zlib, base64, os, tempfile, runpy\n"
        f"src = zlib.decompress(base64.b64decode({b64(zlib.compress(parts.encode()))!r})).decode()\n"
        "d = tempfile.mkdtemp()\n"
        "for name, part in zip(['train.py', 'k.cu', 'f.cpp'], src.split('\\n#----\\n')):\n"
        "    with open(os.path.join(d, name), 'w') as f:\n        f.write(part)\n"
        "runpy.run_path(os.path.join(d, 'train.py'), run_name='__main__')"
    )
    assert result.layers[-1].data == INNER.encode()
    assert result.files == {"k.cu": b"__global__ void k() {}", "f.cpp": b"int f() { return 1; }"}


def test_sources_run_into_modules_are_files() -> None:
    result = peel(
        "import sys, types, torch\n"
        "m = types.ModuleType('pkg.ideas')\nsource = 'def f():\\n    return 1\\n'\n"
        "exec(source, m.__dict__)\nsys.modules['pkg.ideas'] = m\nclass Model: pass\n"
    )
    assert not result.packed
    assert result.files == {"pkg/ideas.py": b"def f():\n    return 1\n"}


def test_modules_that_are_written_and_imported_from_are_files() -> None:
    modules = {"pkg/cli.py": "from pkg.size import SIZE\ndef main():\n    print(SIZE)\n", "pkg/size.py": "SIZE = 3\n"}
    result = peel(
        "import base64, json, os, sys, tempfile, zlib\n"
        f"files = json.loads(zlib.decompress(base64.b64decode({b64(zlib.compress(json.dumps(modules).encode()))!r})))\n"
        "home = tempfile.TemporaryDirectory()\n"
        "for name, text in files.items():\n"
        "    path = os.path.join(home.name, name)\n"
        "    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
        "    open(path, 'w').write(text)\n"
        "sys.path.insert(0, home.name)\nfrom pkg.cli import main\nmain()\n"
    )
    assert result.failure is None and not result.packed
    assert result.files == {name: text.encode() for name, text in modules.items()}


def test_packed_code_in_a_larger_script_is_put_in_its_place() -> None:
    result = peel(
        "import zlib, base64, torch\n\nclass Model:\n    pass\n\n"
        f"exec(zlib.decompress(base64.b64decode({Z!r})))\n\ntrain(Model())\n"
    )
    assert result.layers[-1].data.decode() == (
        "import zlib, base64, torch\n\nclass Model:\n    pass\n\n" + INNER + "\ntrain(Model())\n"
    )
    mapped = result.layers[-1].line_map
    assert mapped is not None
    assert [(one.start, one.end, one.origin) for one in mapped] == [(1, 5, 1), (6, 13, None), (14, 16, 7)]


def test_code_that_only_one_branch_runs_stays_in_its_branch() -> None:
    other = b64(zlib.compress(b"print('other')\n"))
    result = peel(
        "import zlib, base64, os\nif os.environ.get('X'):\n"
        f"    exec(zlib.decompress(base64.b64decode({Z!r})))\n"
        f"else: exec(zlib.decompress(base64.b64decode({other!r})))\n"
    )
    text = result.layers[-1].data.decode()
    assert "if os.environ.get('X'):\n    import os\n" in text
    assert text.endswith("else:\n    print('other')\n")


def test_calls_after_the_payload_are_kept() -> None:
    result = peel(f"import zlib,base64\nexec(zlib.decompress(base64.b64decode({Z!r}))); main()")
    assert result.layers[-1].data.decode().endswith("print('steps', SEED)\nmain()")


@pytest.mark.parametrize(
    "text",
    [
        INNER,
        "",
        "import torch\nmodel.eval()\nmodel = torch.compile(model)\n# exec(this) is a comment\n",
        "K = '" + "QUJD" * 300 + "'\nimport base64\nkernel = base64.b64decode(K).decode()\nclass M: pass\n",
        "import torch\nclass M: pass\nfor n in (1, 2):\n    exec(f'w{n} = {n}')\n",
        "import torch\nclass M: pass\nexec(open('/workspace/settings.py').read())\n",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'brotli'])\nclass M: pass\n",
        "this is not Python at all (exec",
    ],
)
def test_plain_scripts_are_plain(text: str) -> None:
    result = peel(text)
    assert not result.packed
    assert result.layers[-1].data == text.encode()
    assert not result.files


def test_grammar_newer_than_ours_does_not_hide_the_payload() -> None:
    newer = 'name = f"{\'-\'.join(["a"])}"\n'
    result = peel(f"import zlib,base64\n{newer}\nexec(zlib.decompress(base64.b64decode({Z!r})))\n")
    assert result.failure is None
    assert result.layers[-1].data.endswith(INNER.encode())


def test_an_embedded_kernel_is_an_asset() -> None:
    kernel = "__global__ void add(float* x) { x[threadIdx.x] += 1; }\n" * 20
    text = (
        f"import base64, zlib\nK = {b64(zlib.compress(kernel.encode()))!r}\nclass M: pass\n"
        f"L = {base64.b85encode(lzma.compress(__import__('os').urandom(900)))!r}\n"
    )
    found = embedded((text + f"T = {b64(kernel.encode())!r}\n").encode())
    assert [(one.line, one.how) for one in found] == [
        (5, ("b64decode",)) if one.line == 5 else (4, ("b85decode", "lzma")) for one in found
    ]
    assert found[-1].data == kernel.encode()
    assert embedded(INNER.encode()) == ()


_ENCODERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "b64": (base64.b64encode, "base64.b64decode({})"),
    "b85": (base64.b85encode, "base64.b85decode({})"),
    "a85": (base64.a85encode, "base64.a85decode({})"),
    "b32": (base64.b32encode, "base64.b32decode({})"),
    "b16": (base64.b16encode, "base64.b16decode({})"),
    "hex": (lambda data: data.hex().encode(), "bytes.fromhex({}.decode('ascii'))"),
    "zlib": (zlib.compress, "zlib.decompress({})"),
    "gzip": (gzip.compress, "gzip.decompress({})"),
    "bz2": (bz2.compress, "bz2.decompress({})"),
    "xz": (lzma.compress, "lzma.decompress({})"),
    "alone": (lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "lzma.decompress({})"),
    "raw": (
        lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=RAW),
        "lzma.decompress({}, format=lzma.FORMAT_RAW, filters=[{{'id': lzma.FILTER_LZMA2}}])",
    ),
    "zstd": (zstandard.compress, "zstandard.ZstdDecompressor().decompress({})"),
    "brotli": (brotli.compress, "brotli.decompress({})"),
    "xor": (lambda data: bytes(c ^ 91 for c in data), "bytes([c ^ 91 for c in {}])"),
    "backwards": (lambda data: data[::-1], "{}[::-1]"),
}
_SINKS = [
    "exec({})",
    "exec(({}).decode())",
    "exec(compile({}, 'x.py', 'exec'))",
    "P = {}\nexec(P)",
    "exec(b''.join([({})]), globals())",
]
_IMPORTS = "import base64, zlib, gzip, bz2, lzma, zstandard, brotli\n"
_texts = st.text(st.characters(codec="utf-8"), min_size=2).filter(lambda text: "exec" not in text)


@settings(max_examples=60, deadline=None)
@given(_texts, st.lists(st.sampled_from(sorted(_ENCODERS)), min_size=1, max_size=4), st.sampled_from(_SINKS))
def test_any_chain_of_encodings_comes_back(text: str, chain: list[str], sink: str) -> None:
    data = source = ("x = 1 # " + text).encode()
    expression = "DATA"
    for name in chain:
        data = _ENCODERS[name][0](data)
    for name in reversed(chain):
        expression = _ENCODERS[name][1].format(expression)
    script = f"{_IMPORTS}DATA = {data!r}\n{sink.format(expression)}\n"
    result = unpack(script.encode(), "train_gpt.py", lambda _: None)
    assert result.failure is None, str(result.failure)
    assert result.layers[1].data == source


def test_without_the_extra_a_zstandard_layer_is_a_failure_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    import zstandard

    packed = zstandard.compress(b"print(1)\n")
    script = f"import zstandard\nexec(zstandard.decompress({packed!r}))\n".encode()
    assert unpack(script, "train_gpt.py", lambda _name: None).layers[-1].data == b"print(1)\n"
    monkeypatch.setitem(sys.modules, "zstandard", None)
    opened = unpack(script, "train_gpt.py", lambda _name: None)
    assert opened.failure is not None
    assert "golf-audit[zstd]" in opened.failure.reason
