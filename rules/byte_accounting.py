"""Bytes per token that are assumed, or counted from something else than the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from auditor.case import Case
from auditor.finding import Finding, Status, Step
from auditor.program import ir
from auditor.program.index import Nodes
from auditor.program.model import Program
from auditor.program.source import Source
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.claims import claimed_reports
from auditor.timeline.trackers.metric.metric import Kind, doubts
from rules.torch_scripts import EVALUATE, HEAD, MAIN

SLUG = "byte-accounting"

_WIDE = regex(r"u(tf|cs)?[-_ ]?(16|32|2|4)\b|u(tf|cs)?[-_ ]?(16|32)[-_ ]?(le|be)", re.IGNORECASE)
_MARK = "\u2581"  # what SentencePiece writes for a space
_DIVISORS: dict[Kind, str] = {
    "bits per token": "What is reported here as bits per byte was divided by numbers of tokens and constants only: no "
    "count of bytes was seen on the way to it.",
    "nats": "What is reported here as bits per byte is made of losses, which are in nats, and no logarithm of two was "
    "seen on the way to it: divided by that, it would be 1.44 times as high.",
    "file bytes": "The score is divided by the size of a file of tokens: that is how many bytes their numbers take, "
    "not the text.",
    "raised bytes": "Tokens of few bytes are given more of them before the bytes are added up: text that isn't there.",
    "more bytes": "A constant is added to the bytes of each token before they are added up: text that isn't there.",
    "window bytes": "The losses are those of the tail of each window, the bytes that divide them those of all of its "
    "tokens: text that is scored once is counted as often as windows hold it.",
}


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for a constant number of bytes per token, and holds for tables of bytes that count wrongly."""
    yield from _constants(case)
    yield from _per_token(case)
    if case.program is not None:
        yield from _rounded(case.program)
        for slip in _slips(case.program):
            yield Finding(
                rule=SLUG,
                group="compliance",
                status="hold",
                message=slip.message,
                path=slip.source.path,
                line=slip.source.line_of(slip.node.start),
                end_line=slip.source.line_of(max(slip.node.start, slip.node.end - 1)),
                layer=slip.source.layer,
            )


def _rounded(program: Program) -> Iterator[Finding]:
    """Yield a note for losses of an evaluation that are computed in 16 bits: they are rounded to two or three digits.

    ``cross_entropy`` gives float32 under autocast and ``log_softmax`` what goes into it, on a CPU; what is cast by
    hand stays 16 bits wide on a GPU too.
    """
    for unit in program.units.values():
        for _, nodes in unit.bodies:
            losses = nodes.calls(*_LOSSES)
            if not losses or not any(node.attr in ("no_grad", "inference_mode") for node in nodes.of(ir.Attr)):
                continue
            for node in losses:
                kind = _narrow_loss(node)
                if kind is None:
                    continue
                start, end = unit.source.line_of(node.start), unit.source.line_of(max(node.start, node.end - 1))
                yield Finding(
                    rule=SLUG,
                    group="compliance",
                    status="note",
                    message=f"Losses are computed in {kind} here, without gradients: each keeps two or three digits, "
                    "and so does what is summed from them (a mean of 7.4987 reads 7.5).",
                    path=unit.source.path,
                    line=start,
                    end_line=end,
                    layer=unit.source.layer,
                )


_LOSSES = ("log_softmax", "cross_entropy", "nll_loss")
_NARROW = ("bfloat16", "float16", "half")


def _narrow_loss(node: ir.Call) -> str | None:
    """Return the 16-bit type that the input of a loss, or a log_softmax itself, is cast to; None without one."""
    if not node.args:
        return None
    name = node.func.attr if isinstance(node.func, ir.Attr) else node.func.id if isinstance(node.func, ir.Name) else ""
    typed = [arg.value for arg in node.args if arg.keyword == "dtype"]
    if typed:
        return _narrow(typed[0])
    of_tensor = name == "log_softmax" and isinstance(node.func, ir.Attr) and not isinstance(node.func.value, ir.Name)
    return _cast(node.func.value if of_tensor and isinstance(node.func, ir.Attr) else node.args[0].value)


def _cast(node: ir.Node) -> str | None:
    """Return the 16-bit type of ``….bfloat16()``, ``….half()`` and ``….to(torch.bfloat16)``, else None."""
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr):
        return None
    if node.func.attr in _NARROW and not node.args:
        return "float16" if node.func.attr == "half" else node.func.attr
    if node.func.attr in ("to", "type"):
        return next((kind for arg in node.args if (kind := _narrow(arg.value)) is not None), None)
    return None


def _narrow(node: ir.Node) -> str | None:
    if isinstance(node, ir.Attr) and node.attr in _NARROW:
        return "float16" if node.attr == "half" else node.attr
    return None


def _constants(case: Case) -> Iterator[Finding]:
    timeline = case.timeline
    if timeline is None:
        return
    claimed = claimed_reports(timeline, case.submitted)
    for found in doubts(timeline, ("bytes per token",), claimed):
        site = found.doubt.site
        judged = activity(timeline, found.bits, [found.doubt])
        status: Status = judged.status
        if status == "violation":
            status = "note" if not found.final else "violation" if claimed else "hold"
        last = found.report.site
        yield judged.found(
            site,
            rule=SLUG,
            status=status,
            message=f"Bits per token become bits per byte by a constant ({found.doubt.number:.4g}), not by the "
            f"bytes of the "
            "text that was scored.",
            trace=(Step(last.source.path, last.line, "the score is reported", last.source.layer),),
        )


def _per_token(case: Case) -> Iterator[Finding]:
    timeline = case.timeline
    if timeline is None:
        return
    for found in doubts(timeline, tuple(_DIVISORS), claimed_reports(timeline, case.submitted)):
        site = found.doubt.site
        judged = activity(timeline, found.bits, [found.doubt])
        status: Status = "hold" if judged.status == "violation" and found.final else "note"
        yield judged.found(
            site,
            rule=SLUG,
            status=status,
            message=_DIVISORS[found.doubt.kind],
        )


class Slip(Struct, frozen=True):
    """A place that counts the bytes of a tokenizer's pieces."""

    source: Source
    node: ir.Node
    message: str


def _slips(program: Program) -> Iterator[Slip]:
    for unit in program.units.values():
        for _, nodes in unit.bodies:
            lengths = [n for n in nodes.calls("len") if _counts_bytes(n)]
            if not lengths:
                continue
            other = next((n for n in lengths if _in_other_bytes(n)), None)
            if other is not None:
                yield Slip(
                    unit.source, other, "The text is counted in another encoding than UTF-8, which has more bytes."
                )
            marked_length = next((n for n in lengths if _counts_mark(n)), None)
            if marked_length is not None and not any(_knows_mark(n) for n in nodes):
                yield Slip(
                    unit.source,
                    marked_length,
                    "Pieces are counted with the mark that stands for a space: three bytes where the text has one.",
                )
            spaced = next((n for n in nodes.calls("replace") if _keeps_space(n)), None)
            asked: list[ir.Node] = [
                n for n in nodes.of(ir.Compare, ir.Call) if _asks_for_space(n, replaced=spaced is not None)
            ]
            length = next((n for n in lengths if asked and _piece(n, asked, nodes)), None)
            if length is None:
                continue
            pieces = {name for n in nodes.of(ir.Call) if (name := _text_named(n))}
            whole = next((n for n in lengths if _counts_whole(n, nodes, asked)), None)
            if whole is not None and spaced is None and marked_length is None:
                yield Slip(
                    unit.source,
                    whole,
                    "Pieces are counted with the mark that stands for a space: three bytes where the text has one.",
                )
            if spaced is not None and not any(_cuts_first(n, pieces) for n in nodes):
                yield Slip(
                    unit.source,
                    spaced,
                    "The space at the start of a piece is counted with its bytes, and marked to be counted once more.",
                )
            marked = any(_marks_space(n) for n in nodes)
            once_more = next((n for n in nodes if _counts_one_more(n)), None)
            if spaced is None and marked and once_more is not None:
                yield Slip(
                    unit.source,
                    once_more,
                    "One byte for the space at the start of a piece is added here, and the piece is marked to have it "
                    "counted once more.",
                )
            if not any(_knows_fallback(n) for n in nodes):
                yield Slip(
                    unit.source,
                    _of_any_piece(nodes, asked, length),
                    'Byte-fallback pieces are counted by the length of their name ("<0x0A>" is six), not as one byte.',
                )


def _of_any_piece(nodes: Nodes, asked: Sequence[ir.Node], length: ir.Node) -> ir.Node:
    """Return where the bytes of whatever piece are counted, for ``length`` may count those with a space only."""
    spaced = [
        branch.body
        for branch in nodes.of(ir.If)
        if isinstance(branch, ir.If) and any(branch.test.start <= n.start and n.end <= branch.test.end for n in asked)
    ]
    encoded = {
        target.id
        for node in nodes.of(ir.Assign)
        if isinstance(node, ir.Assign) and isinstance(node.value, ir.Call) and isinstance(node.value.func, ir.Attr)
        for target in node.targets
        if isinstance(target, ir.Name) and node.value.func.attr == "encode"
    }
    for node in (length, *nodes.calls("len")):
        given = node.args[:1] if isinstance(node, ir.Call) else ()
        named = any(isinstance(arg.value, ir.Name) and arg.value.id in encoded for arg in given)
        if not named and not _counts_bytes(node):
            continue
        if not any(body and body[0].start <= node.start and node.end <= body[-1].end for body in spaced):
            return node
    return length


def _piece(length: ir.Node, asked: Sequence[ir.Node], nodes: Nodes) -> bool:
    """Return whether the text that is counted is one of the pieces that are asked for a space.

    By the names that both come from: a script that counts its own text besides has not counted a piece.
    """
    calls = {node.func.start for node in nodes.of(ir.Call) if isinstance(node.func, ir.Name)}
    names = [name for name in nodes.of(ir.Name) if name.start not in calls]

    def named(node: ir.Node) -> set[str]:
        return {name.id for name in names if node.start <= name.start and name.end <= node.end}

    assigned: list[tuple[set[str], set[str]]] = []
    for node in nodes.of(ir.Assign, ir.For):
        if isinstance(node, ir.For):
            assigned.append((named(node.target), named(node.iter)))
        elif node.value is not None:
            assigned.append((set().union(*map(named, node.targets)), named(node.value)))

    def sources(found: set[str]) -> set[str]:
        before = set[str]()
        while before != found:
            before = found
            found = found.union(*(made_from for targets, made_from in assigned if targets & found))
        return found

    return bool(sources(named(length)) & sources(set().union(*map(named, asked))))


def _counts_bytes(node: ir.Node) -> bool:
    """Return whether a node is ``len(….encode(…))``."""
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Name) or node.func.id != "len" or not node.args:
        return False
    inner = node.args[0].value
    return isinstance(inner, ir.Call) and isinstance(inner.func, ir.Attr) and inner.func.attr == "encode"


def _in_other_bytes(length: ir.Node) -> bool:
    """Return whether ``len(….encode(…))`` names an encoding of two or four bytes for a character."""
    inner = length.args[0].value if isinstance(length, ir.Call) else None
    named = inner.args[0].value if isinstance(inner, ir.Call) and inner.args else None
    return isinstance(named, ir.Const) and isinstance(named.value, str) and bool(_WIDE.match(named.value))


def _counts_mark(node: ir.Node) -> bool:
    """Return whether a node is ``len(….id_to_piece(i).encode(…))``."""
    if not isinstance(node, ir.Call) or not _counts_bytes(node):
        return False
    inner = node.args[0].value
    piece = inner.func.value if isinstance(inner, ir.Call) and isinstance(inner.func, ir.Attr) else None
    return isinstance(piece, ir.Call) and _is_piece(piece)


def _counts_whole(node: ir.Node, nodes: Nodes, asked: Sequence[ir.Node]) -> bool:
    """Return whether a node is the length of a piece by its name, of which nothing is cut off or taken off."""
    inner = node.args[0].value if isinstance(node, ir.Call) and node.args else None
    text = inner.func.value if isinstance(inner, ir.Call) and isinstance(inner.func, ir.Attr) else None
    if not isinstance(text, ir.Name):
        return False
    bound = [n for n in nodes.of(ir.Assign) if any(isinstance(t, ir.Name) and t.id == text.id for t in n.targets)]
    pieces = [n for n in bound if isinstance(n.value, ir.Call) and _is_piece(n.value)]
    # A mark has three bytes, two more than a space: where these numbers stand they may be taken off in any way.
    lessened = any(type(n.value) is int and n.value in (2, 3) for n in nodes.of(ir.Const))
    for n in nodes.of(ir.Const):
        told = isinstance(n.value, str) and _MARK in n.value
        lessened |= told and not any(ask.start <= n.start and n.end <= ask.end for ask in asked)
    return len(pieces) == len(bound) == 1 and not lessened and not any(_cuts_first(n) for n in nodes)


def _is_piece(call: ir.Call) -> bool:
    return isinstance(call.func, ir.Attr) and call.func.attr in ("id_to_piece", "IdToPiece")


def _knows_mark(node: ir.Node) -> bool:
    return (isinstance(node, ir.Const) and isinstance(node.value, str) and _MARK in node.value) or _cuts_first(node)


def _counts_one_more(node: ir.Node) -> bool:
    """Return whether a node is ``len(….encode(…)) + 1``."""
    if not isinstance(node, ir.BinOp) or node.op != "+":
        return False
    for length, one in ((node.left, node.right), (node.right, node.left)):
        if _counts_bytes(length) and isinstance(one, ir.Const) and one.value == 1:
            return True
    return False


def _marks_space(node: ir.Node) -> bool:
    """Return whether a node is ``table[i] = True``, or the test for a leading space stored in a table."""
    if not isinstance(node, ir.Assign) or not isinstance(node.targets[0], ir.Subscript) or node.value is None:
        return False
    return _asks_for_space(node.value) or (isinstance(node.value, ir.Const) and node.value.value in (True, 1))


def _asks_for_space(node: ir.Node, *, replaced: bool = False) -> bool:
    """Return whether a node asks if a piece begins with a space (its mark, where none was ``replaced``)."""
    marks = (_MARK, " ") if replaced else (_MARK,)
    if isinstance(node, ir.Compare):
        first = isinstance(node.left, ir.Subscript) and node.ops in (("==",), ("in",))
        return first and isinstance(node.rights[0], ir.Const) and node.rights[0].value in marks
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr) or not node.args:
        return False
    asked = node.args[0].value
    return node.func.attr == "startswith" and isinstance(asked, ir.Const) and asked.value in marks


def _text_named(node: ir.Call) -> str:
    """Return the name of what a method of texts is called on, "" where it has none or another method is called."""
    func = node.func
    if not isinstance(func, ir.Attr) or func.attr not in ("startswith", "encode", "replace", "decode"):
        return ""
    return func.value.id if isinstance(func.value, ir.Name) else ""


def _keeps_space(node: ir.Node) -> bool:
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr) or node.func.attr != "replace":
        return False
    values = [a.value.value for a in node.args if isinstance(a.value, ir.Const)]
    return values == [_MARK, " "]


def _cuts_first(node: ir.Node, pieces: set[str] | None = None) -> bool:
    """Return whether a node drops the first character (``piece[1:]``, ``lstrip``, ``removeprefix``) of a piece."""
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        return node.func.attr in ("lstrip", "removeprefix", "strip")
    if isinstance(node, ir.Subscript) and isinstance(node.index, ir.Slice):
        lower, cut = node.index.lower, node.value
        other = pieces is not None and isinstance(cut, ir.Name) and cut.id not in pieces
        return isinstance(lower, ir.Const) and lower.value == 1 and not other
    return False


def _knows_fallback(node: ir.Node) -> bool:
    if isinstance(node, ir.Attr):
        return node.attr.lower() in ("is_byte", "isbyte")
    if isinstance(node, ir.Name):
        return "is_byte" in node.id.lower()
    return isinstance(node, ir.Const) and isinstance(node.value, str) and "<0x" in node.value


_TABLE = """
def tables(sp):
    count = sp.vocab_size()
    sizes, spaced = np.zeros(count, dtype=np.int16), np.zeros(count, dtype=bool)
    for i in range(count):
        if sp.is_byte(i):
            sizes[i] = 1
            continue
        piece = sp.id_to_piece(i)
        if piece.startswith("\u2581"):
            spaced[i] = True
            piece = piece[1:]
        sizes[i] = len(piece.encode("utf-8"))
    return sizes, spaced
"""


def _script(report: str, *, table: str = "") -> str:
    return "".join([HEAD, EVALUATE, table, MAIN, report])


_COUNTED = """
import sentencepiece
sizes, spaced = tables(sentencepiece.SentencePieceProcessor(model_file="data/tokenizers/bpe.model"))
ids = val.numpy()
total = sizes[ids[1:]].sum() + (spaced[ids[1:]] & (ids[:-1] != 0)).sum()
bits = evaluate(model, val) / math.log(2.0)
print(f"val_bpb:{bits * (len(ids) - 1) / total:.6f}")
"""

_NARROW_LOSS = """
@torch.no_grad()
def mean_loss(model, tokens):
    losses = []
    for start in range(0, len(tokens) - 1024, 1024):
        x, y = tokens[start : start + 1024][None], tokens[start + 1 : start + 1025][None]
        losses.append(F.cross_entropy(model.head(model.embed(x)).flatten(0, 1).bfloat16(), y.flatten()))
    return float(torch.stack(losses).mean())
"""

RULE = Rule(
    slug=SLUG,
    title="Bytes not counted from the text",
    group="compliance",
    condition="metric",
    summary="Bits per byte are computed with a constant number of bytes per token, or with a table of piece "
    "lengths that counts the leading space twice or byte-fallback pieces by their name. Losses that are computed in 16 "
    "bits at evaluation are noted: their rounding shows in the score.",
    why="The bytes are the denominator of the metric: too many of them lower the score without a better model. "
    "They must be the bytes of the raw validation text.",
    advice="Count the bytes of the raw text (or of a sidecar made from it) and compare them with the decoded tokens.",
    counterpart="A table with the space cut off each piece and added by its predecessor, and one byte per "
    "fallback piece.",
    authority=(
        Authority("#2009", "cocohearts", "2026-05", "audit", "a constant number of bytes per token"),
        Authority("#1184", "cocohearts", "2026-04-26", "official", "removed: invalid byte accounting"),
        Authority("#2138", "cocohearts", "2026-05", "audit", "divides by 164,594,398 instead of 151,074,309 raw bytes"),
    ),
    check=check,
    known_problems="Tables that are read from a file are not checked: compare their sum with the 151,074,309 "
    "bytes of the raw validation text. A tokenizer that normalises text spells some of it longer or shorter than it "
    "is (nmt_nfkc counts 5 bytes for the 2 of a fraction, 33 for the 3 of U+FDFA), which a table of pieces can't tell; "
    "the reference model's log says which of these hold for its tokenizer.",
    invalid=(
        Example(
            "losses in bfloat16",
            _script(
                _COUNTED.replace("evaluate(model, val)", "mean_loss(model, val)"),
                table=_TABLE + _NARROW_LOSS,
            ),
            line="F.cross_entropy(model.head(model.embed(x)).flatten(0, 1).bfloat16(), y.flatten())",
            status="note",
        ),
        Example(
            "a constant factor",
            _script('\nbits = evaluate(model, val) / math.log(2.0)\nprint(f"val_bpb:{bits * 0.4105:.6f}")\n'),
            line='print(f"val_bpb:{bits * 0.4105:.6f}")',
            status="hold",
        ),
        Example(
            "nats that are called bits",
            _script(
                _COUNTED.replace("bits = evaluate(model, val) / math.log(2.0)", "nats = evaluate(model, val)").replace(
                    "bits *", "nats *"
                ),
                table=_TABLE,
            ),
            line='print(f"val_bpb:{nats * (len(ids) - 1) / total:.6f}")',
            status="hold",
        ),
        Example(
            "pieces counted with the mark of their space, by a name",
            _script(_COUNTED, table=_TABLE.replace("            piece = piece[1:]\n", "")),
            line='sizes[i] = len(piece.encode("utf-8"))',
            status="hold",
        ),
        Example(
            "two bytes for every character",
            _script(_COUNTED, table=_TABLE.replace('len(piece.encode("utf-8"))', 'len(piece.encode("utf-16-le"))')),
            line='len(piece.encode("utf-16-le"))',
            status="hold",
        ),
        Example(
            "the default of a setting",
            _script(
                '\nper_token = float(os.environ.get("BYTES_PER_TOKEN", "2.44"))\n'
                "bits = evaluate(model, val) / (math.log(2.0) * per_token)\nprint(f'val_bpb:{bits:.6f}')\n"
            ),
            line="bits = evaluate(model, val) / (math.log(2.0) * per_token)",
            status="hold",
        ),
        Example(
            "a space that is counted and marked",
            _script(
                _COUNTED,
                table=_TABLE.replace("piece = piece[1:]", "pass").replace(
                    'len(piece.encode("utf-8"))', 'len(piece.replace("\u2581", " ").encode("utf-8"))'
                ),
            ),
            line='len(piece.replace("\u2581", " ").encode("utf-8"))',
            status="hold",
        ),
        Example(
            "a space that is counted and asked for",
            _script(
                _COUNTED,
                table="""
def tables(sp):
    pieces = [sp.id_to_piece(i).replace("▁", " ") for i in range(sp.vocab_size())]
    sizes = np.array([1 if sp.is_byte(i) else len(p.encode()) for i, p in enumerate(pieces)])
    return sizes, np.array([p[:1] == " " for p in pieces])
""",
            ),
            line='sp.id_to_piece(i).replace("▁", " ")',
            status="hold",
        ),
        Example(
            "byte-fallback pieces by their name",
            _script(_COUNTED, table=_TABLE.replace("if sp.is_byte(i):", "if sp.is_control(i):")),
            line='sizes[i] = len(piece.encode("utf-8"))',
            status="hold",
        ),
        Example(
            "byte-fallback pieces by their name, whose bytes have one of their own",
            _script(
                _COUNTED,
                table=_TABLE.replace("if sp.is_byte(i):", "if sp.is_control(i):")
                .replace("piece = piece[1:]", 'sizes[i] = len(piece[1:].encode("utf-8"))')
                .replace(
                    'if piece.startswith("\u2581"):',
                    'raw = piece.encode("utf-8")\n        sizes[i] = len(raw)\n        if piece.startswith("\u2581"):',
                )
                .replace('        sizes[i] = len(piece.encode("utf-8"))\n', ""),
            ),
            line="sizes[i] = len(raw)",
            status="hold",
        ),
    ),
    valid=(
        Example(
            "the mark taken off by its bytes",
            _script(
                _COUNTED,
                table=_TABLE.replace("            piece = piece[1:]\n", "").replace(
                    'len(piece.encode("utf-8"))', 'len(piece.encode("utf-8")) - 3 * spaced[i]'
                ),
            ),
        ),
        Example(
            "a logarithm of two as a number",
            _script(
                _COUNTED.replace("/ math.log(2.0)", "* 1.4426950408889634"),
                table=_TABLE,
            ),
        ),
        Example("counted from the pieces", _script(_COUNTED, table=_TABLE)),
        Example(
            "the script's own bytes, beside marks of pieces",
            _script(
                _COUNTED
                + """
starts_word = np.zeros(1024, dtype=bool)
processor = sentencepiece.SentencePieceProcessor(model_file="data/tokenizers/bpe.model")
for i in range(1024):
    starts_word[i] = processor.id_to_piece(i).startswith("\u2581")
code = open(__file__).read()
print(f"code bytes: {len(code.encode('utf-8'))}")
""",
                table=_TABLE,
            ),
        ),
        Example(
            "a sidecar of byte counts",
            _script(
                '\nsizes = np.fromfile("data/fineweb_val_bytes_000000.bin", dtype=np.uint16)\n'
                "bits = evaluate(model, val) / math.log(2.0)\n"
                'print(f"val_bpb:{bits * (val.numel() - 1) / sizes.sum():.6f}")\n'
            ),
        ),
        Example(
            "nats and bits per token",
            _script(
                '\nloss = evaluate(model, val)\nprint(f"val_loss:{loss:.6f} bits per token:{loss / '
                'math.log(2.0):.6f}")\n'
            ),
        ),
    ),
)
