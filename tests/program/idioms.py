"""Decoding idioms that Python's own libraries (and the three codec packages) allow, each with its encoder.

An idiom turns ``bytes`` into ``bytes``: a function that encodes, and an expression with ``{}`` for what it decodes.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import gzip
import html
import io
import json
import lzma
import pickle
import plistlib
import quopri
import string
import struct
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable

import brotli
import zstandard

IMPORTS = """import array, ast, base64, binascii, brotli, bz2, codecs, functools, gzip, html, io, itertools, json, lzma
import operator, pickle, plistlib, quopri, string, struct, tarfile, tempfile, urllib.parse, zipfile, zlib, zstandard
import email.base64mime
"""
_RAW = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
_KEY = b"golf"


def _zip(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.py", data)
    return made.getvalue()


def _tar(mode: str) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
            info = tarfile.TarInfo("m.py")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        return made.getvalue()

    return pack


def _uu(data: bytes) -> bytes:
    return codecs.encode(data, "uu")


def _z85(data: bytes) -> bytes:
    first = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    other = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    return base64.b85encode(data).translate(bytes.maketrans(first, other))


def _xor(data: bytes) -> bytes:
    return bytes(byte ^ _KEY[at % 4] for at, byte in enumerate(data))


def _zlib_dictionary(data: bytes) -> bytes:
    made = zlib.compressobj(zdict=b"import torch")
    return made.compress(data) + made.flush()


def _hex_lines(data: bytes) -> bytes:
    return b"\n".join(binascii.hexlify(data[at : at + 30]) for at in range(0, len(data), 30))


_LETTERS = string.ascii_letters + string.digits
_TURNED = _LETTERS[7:] + _LETTERS[:7]

IDIOMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "b64decode": (base64.b64encode, "base64.b64decode({})"),
    "standard_b64decode": (base64.standard_b64encode, "base64.standard_b64decode({})"),
    "urlsafe_b64decode": (base64.urlsafe_b64encode, "base64.urlsafe_b64decode({})"),
    "altchars": (lambda data: base64.b64encode(data, b"-_"), "base64.b64decode({}, altchars=b'-_', validate=True)"),
    "decodebytes": (base64.encodebytes, "base64.decodebytes({})"),
    "b32decode": (base64.b32encode, "base64.b32decode({})"),
    "b32hexdecode": (base64.b32hexencode, "base64.b32hexdecode({})"),
    "b16decode": (base64.b16encode, "base64.b16decode({})"),
    "casefold": (lambda data: base64.b16encode(data).lower(), "base64.b16decode({}, casefold=True)"),
    "a85decode": (base64.a85encode, "base64.a85decode({})"),
    "adobe": (lambda data: base64.a85encode(data, adobe=True, wrapcol=60), "base64.a85decode({}, adobe=True)"),
    "b85decode": (base64.b85encode, "base64.b85decode({})"),
    "z85decode": (_z85, "base64.z85decode({})"),
    "a2b_base64": (binascii.b2a_base64, "binascii.a2b_base64({})"),
    "unhexlify": (binascii.hexlify, "binascii.unhexlify({})"),
    "a2b_qp": (binascii.b2a_qp, "binascii.a2b_qp({})"),
    "fromhex": (_hex_lines, "bytes.fromhex(({}).decode())"),
    "int base 16": (
        lambda data: binascii.hexlify(b"\1" + data),
        "(lambda n: n.to_bytes((n.bit_length() + 7) // 8, 'big')[1:])(int({}, 16))",
    ),
    "codecs base64": (lambda data: codecs.encode(data, "base64"), "codecs.decode({}, 'base64')"),
    "codecs hex": (lambda data: codecs.encode(data, "hex"), "codecs.decode({}, 'hex_codec')"),
    "codecs zlib": (lambda data: codecs.encode(data, "zlib"), "codecs.getdecoder('zlib')({})[0]"),
    "codecs bz2": (lambda data: codecs.encode(data, "bz2"), "codecs.lookup('bz2').decode({})[0]"),
    "codecs uu": (_uu, "codecs.decode({}, 'uu')"),
    "codecs quopri": (lambda data: codecs.encode(data, "quopri"), "codecs.decode({}, 'quopri')"),
    "rot13": (
        lambda data: codecs.encode(base64.b64encode(data).decode(), "rot13").encode(),
        "base64.b64decode(codecs.decode(({}).decode(), 'rot13'))",
    ),
    "quopri": (quopri.encodestring, "quopri.decodestring({})"),
    "base64mime": (base64.encodebytes, "email.base64mime.decode(({}).decode())"),
    "unquote": (
        lambda data: urllib.parse.quote(data, safe="").encode(),
        "urllib.parse.unquote_to_bytes(({}).decode())",
    ),
    "unquote_plus": (
        lambda data: urllib.parse.quote_plus(data.decode("latin-1")).encode(),
        "urllib.parse.unquote_plus(({}).decode()).encode('latin-1')",
    ),
    "unescape": (
        lambda data: html.escape(base64.b85encode(data).decode()).encode(),
        "base64.b85decode(html.unescape(({}).decode()))",
    ),
    "unicode_escape": (
        lambda data: data.decode("latin-1").encode("unicode_escape"),
        "({}).decode('unicode_escape').encode('latin-1')",
    ),
    "utf-16": (lambda data: data.decode("latin-1").encode("utf-16"), "({}).decode('utf-16').encode('latin1')"),
    "cp500": (lambda data: data.decode("latin-1").encode("cp500"), "str({}, 'cp500').encode('latin-1')"),
    "utf-7": (lambda data: data.decode("latin-1").encode("utf-7"), "codecs.decode({}, 'utf-7').encode('latin-1')"),
    "zlib": (zlib.compress, "zlib.decompress({})"),
    "deflate": (lambda data: zlib.compress(data, wbits=-15), "zlib.decompress({}, -zlib.MAX_WBITS)"),
    "zlib object": (zlib.compress, "zlib.decompressobj().decompress({})"),
    "zlib dictionary": (_zlib_dictionary, "zlib.decompressobj(zdict=b'import torch').decompress({})"),
    "zlib parts": (
        zlib.compress,
        "(lambda d, x: d.decompress(x[:5]) + d.decompress(x[5:]) + d.flush())(zlib.decompressobj(), {})",
    ),
    "gzip": (gzip.compress, "gzip.decompress({})"),
    "gzip file": (gzip.compress, "gzip.GzipFile(fileobj=io.BytesIO({})).read()"),
    "gzip open": (gzip.compress, "gzip.open(io.BytesIO({}), 'rb').read()"),
    "bz2": (bz2.compress, "bz2.decompress({})"),
    "bz2 object": (bz2.compress, "bz2.BZ2Decompressor().decompress({})"),
    "bz2 open": (bz2.compress, "bz2.open(io.BytesIO({})).read()"),
    "xz": (lzma.compress, "lzma.decompress({})"),
    "alone": (lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "lzma.decompress({}, format=lzma.FORMAT_ALONE)"),
    "raw": (
        lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=_RAW),
        "lzma.decompress({}, lzma.FORMAT_RAW, filters=[dict(id=lzma.FILTER_LZMA2)])",
    ),
    "xz object": (lzma.compress, "lzma.LZMADecompressor().decompress({})"),
    "xz file": (lzma.compress, "lzma.LZMAFile(io.BytesIO({})).read()"),
    "zstd": (zstandard.compress, "zstandard.ZstdDecompressor().decompress({})"),
    "zstd reader": (zstandard.compress, "zstandard.ZstdDecompressor().stream_reader({}).read()"),
    "brotli": (brotli.compress, "brotli.decompress({})"),
    "zip": (_zip, "zipfile.ZipFile(io.BytesIO({})).read('m.py')"),
    "zip open": (_zip, "(lambda z: z.open(z.namelist()[0]).read())(zipfile.ZipFile(io.BytesIO({})))"),
    "tar": (_tar("w"), "tarfile.open(fileobj=io.BytesIO({})).extractfile('m.py').read()"),
    "tar xz": (
        _tar("w:xz"),
        "(lambda t: t.extractfile(t.getnames()[0]).read())(tarfile.open(fileobj=io.BytesIO({}), mode='r:xz'))",
    ),
    "json": (lambda data: json.dumps({"c": data.decode("latin-1")}).encode(), "json.loads({})['c'].encode('latin-1')"),
    "json list": (lambda data: json.dumps(list(data)).encode(), "bytes(json.loads({}))"),
    "literal_eval": (lambda data: repr(data).encode(), "ast.literal_eval(({}).decode())"),
    "eval": (lambda data: repr(data).encode(), "eval({})"),
    "pickle": (pickle.dumps, "pickle.loads({})"),
    "pickle 0": (lambda data: pickle.dumps(data.decode("latin-1"), 0), "pickle.loads({}).encode('latin-1')"),
    "plistlib": (plistlib.dumps, "plistlib.loads({})"),
    "plistlib binary": (lambda data: plistlib.dumps(data, fmt=plistlib.FMT_BINARY), "plistlib.loads({})"),
    "struct": (
        lambda data: struct.pack(f"<I{len(data)}s", len(data), data),
        "(lambda x: struct.unpack_from('%ds' % struct.unpack('<I', x[:4])[0], x, 4)[0])({})",
    ),
    "array": (
        lambda data: b" ".join(b"%d" % one for one in data),
        "array.array('B', [int(n) for n in ({}).split()]).tobytes()",
    ),
    "map int": (lambda data: ",".join(map(str, data)).encode(), "bytes(map(int, ({}).decode().split(',')))"),
    "xor": (_xor, "bytes(a ^ b for a, b in zip({}, itertools.cycle(b'golf')))"),
    "xor, indexed": (_xor, "bytes([c ^ b'golf'[i % 4] for i, c in enumerate({})])"),
    "operator": (_xor, "(lambda x: bytes(map(operator.xor, x, (b'golf' * (len(x) // 4 + 1))[:len(x)])))({})"),
    "big integer xor": (
        lambda data: (int.from_bytes(data, "big") ^ int.from_bytes(b"\x5a" * len(data), "big")).to_bytes(
            len(data), "big"
        ),
        "(lambda x: (int.from_bytes(x, 'big') ^ int.from_bytes(b'\\x5a' * len(x), 'big')).to_bytes(len(x), 'big'))({})",
    ),
    "subtract": (lambda data: bytes((c + 77) % 256 for c in data), "bytes((c - 77) & 255 for c in {})"),
    "translate": (
        lambda data: data.translate(bytes.maketrans(_LETTERS.encode(), _TURNED.encode())),
        "(lambda a: ({}).translate(bytes.maketrans((a[7:] + a[:7]), a)))"
        "((string.ascii_letters + string.digits).encode())",
    ),
    "backwards": (lambda data: data[::-1], "({})[::-1]"),
    "reversed": (lambda data: data[::-1], "bytes(reversed({}))"),
    "even and odd": (
        lambda data: data[::2] + data[1::2],
        "(lambda x: bytes(itertools.chain.from_iterable(itertools.zip_longest("
        "x[:(len(x) + 1) // 2], x[(len(x) + 1) // 2:], fillvalue=0)))[:len(x)])({})",
    ),
    "memoryview": (lambda data: b"xx" + data, "memoryview({})[2:].tobytes()"),
    "joined": (lambda data: data.replace(b"\n", b"\n\n"), "b'\\n'.join(({}).split(b'\\n\\n'))"),
    "reduce": (lambda data: data, "functools.reduce(operator.add, [({})[:3], ({})[3:]])"),
    "text stream": (
        lambda data: base64.b85encode(data),
        "base64.b85decode(io.TextIOWrapper(io.BytesIO({}), encoding='ascii').read())",
    ),
    "removeprefix": (lambda data: b"data:" + data, "({}).removeprefix(b'data:')"),
    "template": (
        lambda data: b"${x}" + base64.b16encode(data),
        "base64.b16decode(string.Template(({}).decode()).substitute(x=''))",
    ),
}
