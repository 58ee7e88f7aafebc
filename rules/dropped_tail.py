"""Windows that end before the last validation token."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.program import ir
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.rule import Authority, Example, Rule
from auditor.timeline.events import Forward, Timeline
from rules.torch_scripts import evaluating

SLUG = "dropped-tail"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each evaluation whose windows all start at ``range(0, n - window, stride)``, the rest unscored.

    A note: what is lost is at most a window, and the repository's own evaluation drops as much.
    """
    if case.timeline is None or case.program is None:
        return
    done: set[tuple[str, int]] = set()
    for source, function, scores in _evaluations(case):
        windows = _windows(function)
        if windows is None or any(score > windows.end and not _inside(function, windows, score) for score in scores):
            continue
        if all(score < windows.start for score in scores):
            continue  # what these windows are for, is no score
        place = (source.path, windows.start)
        if place in done:
            continue
        done.add(place)
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note",
            message="The windows that are laid here may end before the last of the tokens that they go over: what is "
            "left then is scored by none of them.",
            path=source.path,
            line=source.line_of(windows.start),
            end_line=source.line_of(max(windows.start, windows.end - 1)),
            layer=source.layer,
        )


def _evaluations(case: Case) -> Iterator[tuple[Source, ir.FunctionDef, list[int]]]:
    """Yield the functions that apply the model for a reported score, with where they do."""
    assert case.program is not None
    assert case.timeline is not None
    sites = _scored(case.timeline)
    for unit in case.program.units.values():
        starts = [start for path, start in sites if path == unit.source.path]
        for function, _ in unit.bodies if starts else ():
            inside = [start for start in starts if function is not None and function.start <= start < function.end]
            if function is not None and inside:
                yield unit.source, function, inside


def _scored(timeline: Timeline) -> set[tuple[str, int]]:
    return {
        (e.site.source.path, e.site.start)
        for e in timeline.events
        if isinstance(e, Forward) and any(r.bits & timeline.in_play for r in e.reports)
    }


def _windows(function: ir.FunctionDef) -> ir.Call | None:
    """Return ``range(start, n - window, stride)`` of the function, when every such range stops a window early."""
    found: ir.Call | None = None
    for node in walk(*function.body):
        if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Name) or node.func.id != "range":
            continue
        if len(node.args) != 3:
            continue
        stop, stride = node.args[1].value, node.args[2].value
        early = isinstance(stop, ir.BinOp) and stop.op == "-" and not _small(stop.right)
        if early and not _small(stride):
            found = found or node
        elif not _small(stride):
            return None  # other windows reach further
    return found


def _small(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and isinstance(node.value, int) and abs(node.value) <= 1


def _inside(function: ir.FunctionDef, windows: ir.Call, score: int) -> bool:
    """Return whether a place lies in the loop over the windows, or in one that follows a list of them."""
    loops = [n for n in walk(*function.body) if isinstance(n, ir.For | ir.While)]
    own = [n for n in loops if n.start <= windows.start < n.end]
    if own:
        return any(n.start <= score < n.end for n in own)
    return any(n.start <= score < n.end for n in loops)


_STRIDED = """
@torch.inference_mode()
def evaluate(model, tokens, window=1024, stride=64):
    total, count = torch.zeros(()), 0
    {loop}
        piece = tokens[at:at + window + 1]
        new = piece.numel() - 1 if at == 0 else stride
        nll = F.cross_entropy(model.head(model.embed(piece[:-1])), piece[1:], reduction="none")
        total += nll[-new:].sum()
        count += new
{rest}    return total.item() / count
"""

_REST = """\
    left = tokens[-(tokens.numel() % stride) - window:]
    if left.numel() > window:
        nll = F.cross_entropy(model.head(model.embed(left[:-1])), left[1:], reduction="none")
        total += nll[window:].sum()
        count += left.numel() - window
"""


def _script(loop: str, rest: str = "") -> str:
    return evaluating(_STRIDED.format(loop=loop, rest=rest))


RULE = Rule(
    slug=SLUG,
    title="Last partial window not scored",
    group="compliance",
    condition="metric",
    summary="The evaluation slides windows only as far as full ones fit; the tokens after the last of them are "
    "not scored.",
    why="The metric covers the full validation set. The lost part is small, but two systems are only comparable "
    "when both score the same tokens.",
    advice="Let the last window start earlier, or be shorter, so that it ends at the last token.",
    counterpart="Windows from range(0, n, stride) of which the last one is shorter (#124).",
    authority=(
        Authority("#50", "0hq", "2026-03", "official", "check that the last partial window is not silently unscored"),
        Authority("#124", "0hq", "2026-03", "official", "the fix that scores the last partial window was accepted"),
    ),
    check=check,
    known_problems="Only windows from a range with a stride are recognised. The plain evaluation of the "
    "repository drops the tokens after the last full sequence too, and is not reported.",
    invalid=(
        Example(
            "windows from a range that stops early",
            _script("for at in range(0, tokens.numel() - window, stride):"),
            line="for at in range(0, tokens.numel() - window, stride):",
            status="note",
        ),
        Example(
            "a list of starts",
            _script("starts = list(range(0, len(tokens) - window, stride))\n    for at in starts:"),
            line="starts = list(range(0, len(tokens) - window, stride))",
            status="note",
        ),
        Example(
            "one token more",
            _script("for at in range(0, tokens.numel() - (window + 1), stride):"),
            line="for at in range(0, tokens.numel() - (window + 1), stride):",
            status="note",
        ),
    ),
    valid=(
        Example("shorter windows at the end", _script("for at in range(0, tokens.numel() - 1, stride):")),
        Example(
            "the rest is scored after the loop",
            _script("for at in range(0, tokens.numel() - window, stride):", _REST),
        ),
        Example(
            "a progress score that is never printed",
            _script("for at in range(0, tokens.numel(), stride):").replace(
                "def train(",
                "def unused(model, tokens):\n    return [model(tokens[at:at + 9]) for at in range(0, "
                "len(tokens) - 9, 8)]\n\ndef train(",
            ),
        ),
    ),
)
