"""Flags of the compiler that save seconds and cost half an hour."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.challenge.model import Compiler
from auditor.finding import Finding, Status
from auditor.program import ir
from auditor.program.model import Unit
from auditor.rule import Authority, Example, Rule
from rules.speedrun_examples import SOURCE
from rules.speedruns import REPOSITORY, accepted, day, sample

SLUG = "compile-flags"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each option of the compiler that the program sets."""
    banned, when, found = case.challenge.compiler, day(case), sample(case)
    if banned is None or case.program is None or (when is not None and when < banned.since.isoformat()):
        return
    told = accepted(found) if found is not None else ""
    status: Status = "note" if told else "hold"
    track = case.challenge.track(case.submission.track_folder)
    for unit in case.program.units.values():
        for node, name in _set(unit, banned):
            if track is not None and name in track.compiler_flags:
                continue
            source = unit.source
            line = source.text.count("\n", 0, node.start) + 1
            message = (
                f"The program sets {name}; since {banned.since} no record may set an extra flag of the compiler.{told}"
            )
            yield Finding(SLUG, "compliance", status, message, source.path, line, line, layer=source.layer)


def _set(unit: Unit, banned: Compiler) -> Iterator[tuple[ir.Node, str]]:
    """Yield what a file sets of the compiler's options, by their dotted names."""
    for assignment in unit.index.of(ir.Assign):
        for target in assignment.targets:
            name = _dotted(target)
            if name.startswith(tuple(f"{option}." for option in banned.options)):
                yield assignment, name
    decorators = [
        each for made in unit.index.of(ir.FunctionDef) for each in made.decorators if isinstance(each, ir.Call)
    ]
    for call in dict.fromkeys((*unit.index.of(ir.Call), *decorators)):
        if _dotted(call.func) == banned.call:
            for arg in call.args:
                if arg.keyword in banned.arguments and not (
                    isinstance(arg.value, ir.Const) and arg.value.value is None
                ):
                    yield call, f"{banned.call}'s {arg.keyword}"


def _dotted(node: ir.Expr | None) -> str:
    """Return ``a.b.c`` for that chain of attributes, empty for any other expression."""
    parts: list[str] = []
    while isinstance(node, ir.Attr):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ir.Name) else ""


def _with(statement: str) -> str:
    return SOURCE.replace("def main():\n", f"def main():\n    import torch\n    {statement}\n")


RULE = Rule(
    slug=SLUG,
    title="Extra flags of the compiler",
    group="compliance",
    condition="budget",
    summary="The program sets an option of torch._inductor.config, or gives torch.compile a mode or options.",
    why="Such flags save seconds of what is timed and take half an hour that isn't; they were banned after record 21.",
    advice="Leave the option at its default, and time the run again.",
    counterpart="torch.compile(model, dynamic=False, fullgraph=True), which says what is traced.",
    authority=(Authority(f"{REPOSITORY} README", "KellerJordan", "2025-02-02", "official", "no extra flags (rule 3)"),),
    check=check,
    challenge="modded-nanogpt",
    needs=("compiler",),
    invalid=(
        Example(
            "a search for tile sizes",
            _with("torch._inductor.config.coordinate_descent_tuning = True"),
            "coordinate_descent_tuning",
            status="hold",
        ),
        Example(
            "a mode", _with('compiled = torch.compile(Model(), mode="max-autotune")'), "max-autotune", status="hold"
        ),
    ),
    valid=(
        Example("what is traced", _with("compiled = torch.compile(Model(), dynamic=False, fullgraph=True)")),
        Example("an option of another module", _with("torch._dynamo.config.compiled_autograd = True")),
    ),
    known_problems="Options that are set through setattr or another name of the module are not seen.",
)
