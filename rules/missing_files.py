"""Files that a submission must have and has not, or that say nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.evidence.scored import finished
from auditor.finding import Finding
from auditor.fix import templates
from auditor.fix.change import Change, Edit
from auditor.fix.claims import document
from auditor.program import ir
from auditor.program.model import Program, Unit
from auditor.program.source import Source
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.submission.model import Unread
from auditor.submission.names import shown
from rules.run_logs import README, SCRIPT, metadata, package, run_log
from rules.scored_runs import judged, record, several

SLUG = "missing-files"

# What the challenge's own requirements.txt and its image bring, and what torch brings.
_PROVIDED = frozenset(
    {
        "numpy",
        "tqdm",
        "torch",
        "huggingface_hub",
        "kernels",
        "setuptools",
        "pkg_resources",
        "typing_extensions",
        "datasets",
        "tiktoken",
        "sentencepiece",
        "triton",
        "flash_attn",
        "flash_attn_interface",
        "train_gpt",  # the challenge's own script
    }
)
_FIRST_KEY = regex(r"\s*\{(\s*)(?=\")")
_TRAILING_COMMA = regex(r",(?=\s*[}\]])")
_REQUIREMENTS = regex(r"(?:^|/)(?:requirements[\w.-]*\.txt|pyproject\.toml|environment\.ya?ml|setup\.sh)$")


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each file that is missing or says nothing."""
    if not judged(case):
        return
    yield from _files(case)
    yield from _metadata(case)
    yield from _requirements(case)


def _missing(what: str, path: str | None = None, line: int | None = None) -> Finding:
    return Finding(SLUG, "package", "incomplete", what, path, line, line)


def _files(case: Case) -> Iterator[Finding]:
    submission = case.submission
    if submission.script is None:
        yield _missing("The folder holds no train_gpt.py, nor another script that trains.")
    elif _empty(case, submission.script):
        yield _missing("The train script is empty.", submission.script)
    if submission.readme is None:
        yield _missing("There is no README.md that explains the submission.")
    if submission.metadata is None:
        yield _missing("There is no submission.json with author, GitHub id and val_bpb.")
    if not submission.logs:
        yield _missing("No train log lies in the folder of the script: no claim can be verified without one.")
    elif record(case) and (runs := finished(case.evidence)) and not any(run.trained for run in case.evidence.runs):
        message = "No step and no time of training could be read from any log of the folder."
        path, line = runs[0].path, runs[0].scores[-1].line
        yield Finding(SLUG, "package", "note", message, path, line, line)


def _empty(case: Case, path: str) -> bool:
    try:
        return not case.submission.tree.read(path, 64_000_000).strip()
    except Unread:
        return False  # something is there


def _metadata(case: Case) -> Iterator[Finding]:
    """Yield what keeps submission.json from being read, and that it claims no score."""
    claims = case.evidence.metadata
    if claims.path is None:
        return
    for problem in claims.problems:
        marked = "byte order mark" in problem.value
        message = f"submission.json {problem.value}."
        yield Finding(
            SLUG, "package", "note" if marked else "incomplete", message, problem.path, problem.line, problem.line
        )
    if not any("not" in p.value or "empty" in p.value for p in claims.problems) and (
        not claims.all("val_bpb") and not claims.all("val_bpb", per_seed=True)
    ):
        blank = "" if claims.blank is None else f" (it is {shown(claims.blank, 20)} there)"
        yield _missing(f"submission.json gives no val_bpb{blank}.", claims.path)
    for claim in (*claims.all("val_bpb"), *claims.all("val_bpb", per_seed=True))[:1]:
        if claim.key.rpartition(".")[2].lower() == "val_loss":  # known by its digits
            message = f"submission.json gives no val_bpb: its val_loss, {claim.value:g}, is a score in bits per byte."
            yield Finding(SLUG, "package", "note", message, claim.path, claim.line, claim.line)


def _requirements(case: Case) -> Iterator[Finding]:
    """Yield the packages that the program imports although nothing in the folder asks for their installation."""
    needed = _needed(case)
    if not needed:
        return
    unit, offset = next(iter(needed.values()))
    source: Source = unit.source
    line = source.line_of(offset)
    yield Finding(
        SLUG,
        "package",
        "incomplete",
        f"There is no requirements.txt, though the program imports {several(sorted(needed))}, "
        "which no file here brings.",
        unit.path,
        line,
        line,
        source.layer,
    )


def _needed(case: Case) -> dict[str, tuple[Unit, int]]:
    """Return the packages that nothing asks for, with the place of their first import."""
    program = case.program
    needed: dict[str, tuple[Unit, int]] = {}
    if program is None or any(_REQUIREMENTS.search(path) for path in case.submission.tree.paths()):
        return needed
    own = _own_modules(case, program)
    for unit in program.units.values():
        if unit.module is None:
            continue
        for name, offset, guarded in _imports(unit.module.body, guarded=False):
            if name in own or name in _PROVIDED or name in sys.stdlib_module_names or guarded:
                continue
            needed.setdefault(name, (unit, offset))
    return needed


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the missing file, filled with what is known; for metadata, what it lacks or what breaks it."""
    if finding.message.startswith("There is no requirements.txt"):
        return templates.requirements(_needed(case))
    if finding.path is None and case.submission.readme is None and "README.md" in finding.message:
        return templates.readme(case)
    if (
        finding.path is None
        and case.submission.metadata is None
        and (case.challenge.layout.metadata or "\0") in finding.message
    ):
        return templates.metadata(case)
    if finding.path is not None and finding.path == case.submission.metadata:
        return _mended(case, finding)
    return None


def _mended(case: Case, finding: Finding) -> Change | None:
    """Return submission.json with its score, or without the commas that keep it from being read."""
    source = document(case, case.submission.metadata or "")
    if source is None:
        return None
    if "gives no val_bpb" in finding.message:
        first = _FIRST_KEY.match(source.text)
        score = templates.mean_score(case)
        empty = re.search(r'"val_bpb"\s*:\s*(null|"")', source.text)
        if first is None or score is None:
            return None
        if empty is not None:
            edit = Edit(source.path, empty.start(1), empty.end(1), empty[1], score)
            return Change(f"Set val_bpb to {score}, the mean of the logs", "safe", (edit,))
        edit = Edit(source.path, first.end(), first.end(), "", f'"val_bpb": {score},{first[1]}')
        return Change(f"Add val_bpb {score}, the mean of the logs", "safe", (edit,))
    commas = [
        Edit(source.path, match.start(), match.start() + 1, ",", "") for match in _TRAILING_COMMA.finditer(source.text)
    ]
    try:
        json.loads(_TRAILING_COMMA.sub("", source.text))
    except (ValueError, RecursionError):
        return None
    return Change("Take the trailing comma out", "safe", tuple(commas)) if commas else None


def _own_modules(case: Case, program: Program) -> frozenset[str]:
    parts = {part.removesuffix(".py") for path in case.submission.tree.paths() for part in path.split("/")}
    return frozenset(parts | {path.rsplit("/", 1)[-1].removesuffix(".py") for path in program.units})


def _imports(body: Sequence[ir.Stmt], *, guarded: bool) -> Iterator[tuple[str, int, bool]]:
    """Yield (top-level module, offset, whether the program goes on without it) for each import."""
    for statement in body:
        if isinstance(statement, ir.Import):
            for dotted, _ in statement.names:
                yield dotted.partition(".")[0], statement.start, guarded
        elif isinstance(statement, ir.ImportFrom):
            if not statement.level:
                yield statement.module.partition(".")[0], statement.start, guarded
        elif isinstance(statement, ir.Try):
            for part in (statement.body, *(h.body for h in statement.handlers)):
                yield from _imports(part, guarded=guarded or bool(statement.handlers))
            yield from _imports((*statement.orelse, *statement.finalbody), guarded=guarded)
        elif isinstance(statement, ir.If):
            # A branch is taken for some settings only; what it imports may never be needed.
            yield from _imports((*statement.body, *statement.orelse), guarded=True)
        elif isinstance(statement, ir.FunctionDef | ir.ClassDef | ir.For | ir.While | ir.With):
            later = guarded or isinstance(statement, ir.FunctionDef)
            yield from _imports(statement.body, guarded=later)


_FULL = package(run_log(), val_bpb=1.2)

RULE = Rule(
    slug=SLUG,
    title="Files are missing",
    group="package",
    condition="package",
    summary="A record folder holds README.md, submission.json with a val_bpb, an automatically produced train log, a "
    "runnable train_gpt.py, and a requirements.txt when it imports packages that the challenge does not provide.",
    why="What is absent cannot be verified: a score without a log is a sentence, and metadata that does not parse is "
    "none. Submissions without the full set are not accepted.",
    advice="Add the files named here.",
    counterpart="A folder with README.md, submission.json, train_gpt.py and a log for each seed (#1493).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "without the full set of files not accepted"),
        Authority("#8", "0hq", "2026-03", "official", "a non-record entry needs a train log and a val_bpb"),
        Authority("#496", "0hq", "2026-03", "official", "a non-record entry needs a val_bpb"),
        Authority("#631", "valerio-oai", "2026-03", "official", "no submission.json or val_bpb"),
        Authority("#505", "cocohearts", "2026-03", "official", "needs logs and submission.json"),
        Authority("#2013", "cocohearts", "2026-05", "audit", "no record package, logs or accounting found"),
        Authority("#2103", "cocohearts", "2026-05", "audit", "no submission.json"),
    ),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "no log",
            SCRIPT,
            files={"README.md": README, "submission.json": metadata(val_bpb=1.2)},
            status="incomplete",
        ),
        Example(
            "no metadata and no README",
            SCRIPT,
            files={"train_seed1.log": run_log(1)},
            status="incomplete",
        ),
        Example(
            "metadata that does not parse",
            SCRIPT,
            '"val_bpb": 1.2;',
            files=_FULL | {"submission.json": '{\n  "name": "Example",\n  "val_bpb": 1.2;\n}\n'},
            status="incomplete",
        ),
        Example(
            "metadata without a score",
            SCRIPT,
            files=package(run_log(), val_bpb=None),
            status="incomplete",
        ),
        Example(
            "the score under another name",
            SCRIPT,
            '"val_loss": 1.2034',
            files=package(run_log(val_bpb=1.2034), val_bpb=None, val_loss=1.2034),
            status="note",
        ),
        Example(
            "a package that nothing asks to install",
            "import brotli\nimport torch\n" + SCRIPT,
            "import brotli",
            files=_FULL,
            status="incomplete",
        ),
    ),
    valid=(
        Example("everything is there", SCRIPT, files=_FULL),
        Example(
            "a requirements.txt for the package",
            "import brotli\n" + SCRIPT,
            files=_FULL | {"requirements.txt": "brotli>=1.1\n"},
        ),
        Example(
            "a package that the program can do without",
            "try:\n    import zstandard\nexcept ImportError:\n    zstandard = None\n" + SCRIPT,
            files=_FULL,
        ),
        Example(
            "a module of the folder itself",
            "import caps\n" + SCRIPT,
            files=_FULL | {"caps.py": "LIMIT = 3\n"},
        ),
    ),
    known_problems="Imports by computed names are not seen; packages that the challenge's image happens to hold may be "
    "named.",
)
