"""Scripts that run what they decode or decompress."""

from __future__ import annotations

import math
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.program.model import Unit
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.submission.model import Submission, Unread

SLUG = "packed-code"
_MAX_TWIN = 4 * 1024 * 1024
_ALIKE = 0.6  # share of the lines from which a file is called a readable version
_NEAR = 0.2  # from which a file is named as the nearest
_SAME_WORDS = 0.97  # share of the words, which a minifier leaves as they are where it breaks up every line
_FEWEST_WORDS = 30
_WORD = regex(r"[A-Za-z_]\w{5,}")


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each packed file that could be opened, an incomplete for each that could not."""
    if case.program is None:
        return
    for unit in case.program.units.values():
        failure = unit.failure
        if failure is not None and failure.packed:
            yield Finding(
                rule=SLUG,
                group="package",
                status="incomplete",
                message=f"This file runs code that it unpacks, and that could not be unpacked here: {failure.reason}.",
                path=failure.path,
                line=failure.line,
                end_line=failure.line,
                layer=failure.layer,
            )
        elif unit.packing:
            yield _opened(unit, case.submission)


def _opened(unit: Unit, submission: Submission) -> Finding:
    first = unit.packing[0]
    layers = len(unit.packing)
    decodings = "; ".join(" > ".join(step.how) for step in unit.packing)
    left = "".join(f" Of the packed data, {part}." for step in unit.packing for part in step.left)
    return Finding(
        rule=SLUG,
        group="package",
        status="note",
        message=f"This file runs code that it unpacks ({layers} layer{'s' if layers > 1 else ''}: {decodings}): "
        f"{first.packed:,} bytes here, {unit.packing[-1].unpacked:,} bytes unpacked. What is unpacked is what was "
        f"audited; {_twin(unit, submission)}.{left}",
        path=unit.path,
        line=first.line,
        end_line=first.line,
    )


def _twin(unit: Unit, submission: Submission) -> str:
    """Return what can be said of a readable version of a packed file among the other files."""
    inner = unit.source.text
    lines = _lines(inner)
    words = set(_WORD.findall(inner))
    best, share = "", 0.0
    named, told = "", 0.0
    for path in submission.helpers:
        if path == unit.path or not path.endswith(".py"):
            continue
        try:
            text = submission.tree.read(path, _MAX_TWIN).decode("utf-8-sig", "replace").replace("\r\n", "\n")
        except Unread:
            continue
        if text.strip() == inner.strip():
            return f"{path} is the same text to read"
        alike = len(lines & _lines(text)) / max(len(lines), 1)
        if alike > share:
            best, share = path, alike
        held = len(words.intersection(_WORD.findall(text))) / len(words) if len(words) >= _FEWEST_WORDS else 0.0
        if held > told:
            named, told = path, held
    if share >= _ALIKE:
        return f"{best} looks like a version to read, with {math.floor(share * 100)}% of its lines"
    if told >= _SAME_WORDS:
        return f"{named} looks like a version to read, with {math.floor(told * 100)}% of its longer names and words"
    if share >= _NEAR:
        return f"no file beside it holds that text; {best} comes nearest, with {math.floor(share * 100)}% of its lines"
    return "no file beside it holds that text to read"


def _lines(text: str) -> set[str]:
    return {stripped for line in text.splitlines() if len(stripped := line.strip()) > 3}


_PLAIN = """import math

print(f"val_bpb:{1.9 / math.log(2.0) / 2.4:.4f}")
"""
_BLOB = "eNrLzC3ILypRyE0syeDiKijKzCvRSFMqS8yJTypIsqo21LNU0AdL6uXkp2sY6RloAvlGeiZWeiZptUqaXACdShK7"  # _PLAIN, deflated

RULE = Rule(
    slug=SLUG,
    title="Runs code that it unpacks",
    group="package",
    condition="package",
    summary="The script is a wrapper that decodes, decompresses or reads its real source and runs it. The decoding is "
    "followed without running it, and what comes out is audited in its place.",
    why="Packing is tolerated, for code counts towards the 16 MB; but nobody can review what can't be read, and a "
    "layer that could not be opened leaves the submission unjudged.",
    advice="Keep the wrapper to literal data and library decoders, and ship the readable source beside it.",
    counterpart="A packed train_gpt.py with a readable twin in the folder (#1394).",
    authority=(
        Authority(
            "#1394", "OpenAI", "2026-04", "official", "merged: a packed script, with a version for people beside it"
        ),
        Authority("#1028", "valerio-oai", "2026-03", "official", "asks for code that is trimmed, not hidden"),
    ),
    check=check,
    invalid=(
        Example(
            "the payload comes from the network",
            """
import urllib.request
import zlib

exec(zlib.decompress(urllib.request.urlopen("https://example.org/train.z").read()))
""",
            "exec(",
            status="incomplete",
        ),
        Example(
            "the payload is missing",
            """
import lzma
from pathlib import Path

exec(lzma.decompress(Path(__file__).with_name("payload.xz").read_bytes()))
""",
            "exec(",
            status="incomplete",
        ),
        Example(
            "the key is not in the submission",
            f"""
import base64, os, zlib

key = os.urandom(8)
data = base64.b64decode("{_BLOB}")
exec(zlib.decompress(bytes(a ^ b for a, b in zip(data, key * 99))))
""",
            "os.urandom(",
            status="incomplete",
        ),
    ),
    valid=(
        Example("plain source", _PLAIN),
        Example(
            "one layer that can be opened",
            f"import base64, zlib\n\nexec(zlib.decompress(base64.b64decode('{_BLOB}')))\n",
        ),
        Example(
            "the same, with a readable twin",
            f"import base64, zlib\n\nexec(zlib.decompress(base64.b64decode('{_BLOB}')))\n",
            files={"train_gpt_human.py": _PLAIN},
        ),
        Example(
            "a wrapper around a sibling file",
            "exec(open(__file__.replace('train_gpt.py', 'train_gpt_decode.py')).read())\n",
            files={"train_gpt_decode.py": _PLAIN},
        ),
    ),
    known_problems="A codec that is neither Python's own nor brotli or zstandard cannot be opened.",
)
