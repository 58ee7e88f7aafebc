"""Text that is changed before it is made into tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.finding import Finding
from auditor.program import ir
from auditor.program.model import Unit
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.rule import Authority, Example, Rule

SLUG = "lossy-tokenizer"

_FOLDS = frozenset({"casefold", "lower", "upper", "normalize"})
_TOKENISES = frozenset(
    {"encode", "EncodeAsIds", "encode_as_ids", "encode_batch", "tokenize", "Encode", "encode_ordinary"}
)
_FORMS = frozenset({"NFKC", "NFKD", "nfkc", "nfkd", "NFKC_CF", "nfkc_cf"})


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for the first place of each file where text is folded on its way into a tokenizer."""
    if case.program is None:
        return
    for unit in case.program.units.values():
        node = _folded(unit)
        if node is None:
            continue
        source: Source = unit.source
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="hold",
            message="Text is folded before it is made into tokens: the tokens do not decode to the text whose "
            "bytes count.",
            path=source.path,
            line=source.line_of(node.start),
            end_line=source.line_of(max(node.start, node.end - 1)),
            layer=source.layer,
        )


def _folded(unit: Unit) -> ir.Node | None:
    """Return the first folding of a text that is then encoded by a tokenizer, by way of names in one function."""
    if not _folds(unit.index.of(ir.Call)):
        return None
    for _, nodes in unit.bodies:
        if not _folds(nodes.of(ir.Call)):
            continue
        folded: dict[str, ir.Node] = {}
        for node in nodes.of(ir.Assign):
            if node.value is not None:
                fold = _fold_in(node.value)
                for target in node.targets:
                    if fold is not None and isinstance(target, ir.Name):
                        folded[target.id] = fold
        for call in nodes.of(ir.Call):
            found = _encoded(call, folded)
            if found is not None:
                return found
    return None


def _folds(calls: Sequence[ir.Call]) -> bool:
    return any(isinstance(call.func, ir.Attr) and call.func.attr in _FOLDS for call in calls)


def _encoded(node: ir.Node, folded: dict[str, ir.Node]) -> ir.Node | None:
    """Return the folding of what a call of a tokenizer gets, None when it gets none."""
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr) or node.func.attr not in _TOKENISES:
        return None
    if not node.args or isinstance(node.args[0].value, ir.Const):
        return None  # bytes of a text: "…".encode("utf-8")
    given = node.args[0].value
    direct = _fold_in(given)
    if direct is not None:
        return direct
    return folded.get(given.id) if isinstance(given, ir.Name) else None


def _fold_in(node: ir.Expr) -> ir.Node | None:
    for each in walk(node):
        if not isinstance(each, ir.Call) or not isinstance(each.func, ir.Attr) or each.func.attr not in _FOLDS:
            continue
        if each.func.attr == "normalize":
            form = each.args[0].value if len(each.args) == 2 else None
            if not isinstance(form, ir.Const) or form.value not in _FORMS:
                continue
        elif each.args:
            continue
        return each
    return None


_PREPARE = """
import unicodedata
import numpy as np
import sentencepiece

sp = sentencepiece.SentencePieceProcessor(model_file="bpe.model")

def prepare(documents, out):
    ids = []
    for text in documents:
{body}
    np.array(ids, dtype=np.uint16).tofile(out)
"""


RULE = Rule(
    slug=SLUG,
    title="Text folded before tokenisation",
    group="compliance",
    condition="metric",
    summary="The data preparation lowers, case-folds or normalises (NFKC) the text before the tokenizer sees it.",
    why="The score is bits per byte of the original text. Tokens of a folded text carry less, and can't be "
    "decoded to the bytes that are counted. No maintainer has ruled on it.",
    advice="Keep the fold reversible: encode what it removes as tokens, and count the original bytes.",
    counterpart="Case as tokens of its own, which decode to the original text (#1729).",
    authority=(
        Authority("#1604", "community", "2026-04-16", "community", "asked whether case folding is allowed; unanswered"),
    ),
    check=check,
    known_problems="A folded data set is only seen when the script that makes it is part of the submission; a "
    "tokenizer's own normaliser is not read.",
    invalid=(
        Example(
            "lower case",
            _PREPARE.format(body="        low = text.lower()\n        ids.extend(sp.encode(low))"),
            line="low = text.lower()",
            status="hold",
        ),
        Example(
            "case folding in the call",
            _PREPARE.format(body="        ids.extend(sp.EncodeAsIds(text.casefold()))"),
            line="ids.extend(sp.EncodeAsIds(text.casefold()))",
            status="hold",
        ),
        Example(
            "compatibility forms",
            _PREPARE.format(body='        ids.extend(sp.encode(unicodedata.normalize("NFKC", text).strip()))'),
            line='unicodedata.normalize("NFKC", text)',
            status="hold",
        ),
    ),
    valid=(
        Example("the text as it is", _PREPARE.format(body="        ids.extend(sp.encode(text))")),
        Example(
            "a lower-case copy for a statistic",
            _PREPARE.format(body="        words = set(text.lower().split())\n        ids.extend(sp.encode(text))"),
        ),
        Example(
            "a setting in lower case",
            _PREPARE.format(body="        ids.extend(sp.encode(text))")
            + '\nCODEC = "XZ".lower()\nprint(CODEC.encode("utf-8"))\n',
        ),
    ),
)
