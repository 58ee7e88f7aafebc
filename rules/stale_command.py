"""Documented commands that start a script which isn't there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.change import Change, Edit
from auditor.fix.claims import document
from auditor.program.source import Source
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.settings.documents import header_commands
from auditor.settings.expansion import UNKNOWN
from auditor.settings.files import FileStep
from auditor.settings.markdown import code_blocks
from auditor.settings.shell import walk
from auditor.settings.tidy import as_shell
from auditor.settings.walked import Launch, Shell
from auditor.submission.model import Unread
from auditor.submission.names import shown
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged

SLUG = "stale-command"

_LARGEST = 4_000_000  # bytes of a script that is compared
_MOST = 6  # commands that are told
_NEAR = 40  # lines below a command's first, in which its words stand
# Of the challenge's own repository: they lie beside every submission.
_OF_THE_CHALLENGE = frozenset(
    {"train_gpt.py", "train_gpt_mlx.py", "cached_challenge_fineweb.py", "download_hf_docs_and_tokenize.py"}
)
_BUILDS = frozenset({"setup.py"})  # of a library that is built elsewhere
_TRAINS = regex(r"train\w*\.py")
_TRAINER = regex(r"train|gpt|golf|main|run", re.IGNORECASE)
_BROUGHT = regex(r"\b(?:git clone|curl|wget|gh repo|hf download|huggingface-cli|tar|unzip|pip install -e)\b")


class Stale(Struct, frozen=True):
    """A command's word that names no file: where it stands, and how the script is launched."""

    source: Source
    start: int
    word: str
    launcher: str

    @property
    def line(self) -> int:
        """Return the 1-based line."""
        return self.source.line_of(self.start)


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each documented command that starts a script which isn't in the folder."""
    if not judged(case) or case.submission.script is None:
        return
    for stale in _stale(case):
        yield Finding(
            rule=SLUG,
            group="package",
            status="note",
            message=f"This command starts {shown(posixpath.basename(stale.word), 60)}, which is not in the folder; the "
            f"submission's script is {shown(posixpath.basename(case.submission.script), 60)}.",
            path=stale.source.path,
            line=stale.line,
            end_line=stale.line,
            layer=stale.source.layer,
        )
    yield from _of_another(case)


def _of_another(case: Case) -> Iterator[Finding]:
    """Yield a note where the README trains with another script that is there, and not with the one that was audited."""
    own = posixpath.basename(case.submission.script or "")
    words = [
        (source, launch.line, word)
        for source, launch in _launches(case)
        if source.path == case.submission.readme
        and (word := next((w for w in launch.words if w.endswith(".py")), None)) is not None
    ]
    named = {posixpath.basename(word) for _, _, word in words}
    others = [each for each in words if _TRAINS.fullmatch(posixpath.basename(each[2])) and not _missing(each[2], case)]
    readme = document(case, case.submission.readme) if case.submission.readme is not None else None
    if not others or own in named or readme is None or own in readme.text or ".sh" in readme.text:
        return
    source, line, word = others[0]
    if _same(case, word):
        return
    yield Finding(
        rule=SLUG,
        group="package",
        status="note",
        message=f"The README's commands start {shown(posixpath.basename(word), 60)} and none starts {shown(own, 60)}, "
        "which was audited.",
        path=source.path,
        line=line,
        end_line=line,
    )


def _same(case: Case, word: str) -> bool:
    """Tell whether the script that a command starts lies elsewhere in the pull request, and is the audited one."""
    elsewhere, script = case.submission.elsewhere, case.submission.script
    name = posixpath.basename(word)
    if elsewhere is None or script is None:
        return False
    try:
        own = case.submission.tree.read(script, _LARGEST)
        copies = [path for path in elsewhere.paths() if posixpath.basename(path) == name]
        return any(elsewhere.read(path, _LARGEST) == own for path in copies)
    except Unread:
        return False


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the change of the command to the submission's script, where that is what it must mean."""
    script = case.submission.script
    if script is None:
        return None
    name = posixpath.basename(script)
    for stale in _stale(case):
        if (stale.source.path, stale.source.layer, stale.line) != (finding.path, finding.layer, finding.line):
            continue
        old = posixpath.basename(stale.word)
        trains = stale.launcher in ("torchrun", "accelerate") or _TRAINER.search(old) is not None
        if not trains or not _leads_here(posixpath.dirname(stale.word), case):
            return None
        end = stale.start + len(stale.word)
        edit = Edit(stale.source.path, end - len(old), end, old, name, stale.source.layer)
        return Change(f"Name {name} in the command in the place of {shown(old, 60)}", "safe", (edit,))
    return None


def _leads_here(folder: str, case: Case) -> bool:
    """Tell whether a command's folder is the script's, as far as its own words say."""
    inner = posixpath.dirname(case.submission.script or "")
    last = posixpath.basename(folder)
    return posixpath.normpath(folder or ".") == (inner or ".") or last in (case.submission.name, "..") or "$" in folder


def _stale(case: Case) -> list[Stale]:
    found: list[Stale] = []
    places: set[tuple[str, int, int]] = set()
    for source, launch in _launches(case):
        word = next((word for word in launch.words if word.endswith(".py")), None)
        if word is None or UNKNOWN in word or not _missing(word, case):
            continue
        start = _place(source, launch.line, word)
        if start is None:
            continue
        stale = Stale(source, start, word, launch.words[0].rsplit("/", 1)[-1])
        if (source.path, source.layer, stale.line) not in places:
            places.add((source.path, source.layer, stale.line))
            found.append(stale)
    return found[:_MOST]


def _missing(word: str, case: Case) -> bool:
    name = posixpath.basename(word)
    if name in _OF_THE_CHALLENGE | _BUILDS or not re.fullmatch(r"[\w.-]+\.py", name) or word.startswith(("/", "~")):
        return False
    submission = case.submission
    beside = submission.elsewhere.paths() if submission.elsewhere is not None else ()
    known = {posixpath.basename(path) for path in (*submission.tree.paths(), *(submission.outside or ()), *beside)}
    return name not in known


def _launches(case: Case) -> Iterator[tuple[Source, Launch]]:
    """Yield the programs that README and the script's own header start, where nothing else brings them."""
    readme = document(case, case.submission.readme) if case.submission.readme is not None else None
    if readme is not None and not _BROUGHT.search(readme.text):
        made: set[str] = set()
        for block in code_blocks(readme.text):
            shell = Shell(as_shell(block.text), readme.path, block.line, exports_all=True)
            for step in walk(shell).steps:
                if isinstance(step, FileStep):
                    made.add(posixpath.basename(step.target))
                elif not any(posixpath.basename(word) in made for word in step.words):
                    yield readme, step
    if case.program is not None and case.program.main.module is not None:
        source = case.program.main.source
        for line, text in header_commands(source.text):
            for step in walk(Shell(text, source.path, line, exports_all=True)).steps:
                if isinstance(step, Launch):
                    yield source, step


def _place(source: Source, line: int, word: str) -> int | None:
    """Return where a command's word stands, from its line on."""
    starts = source.line_starts
    if not 1 <= line <= len(starts):
        return None
    end = starts[line - 1 + _NEAR] if line - 1 + _NEAR < len(starts) else len(source.text)
    match = re.compile(rf"(?<![\w./-]){re.escape(word)}(?![\w-])").search(source.text, starts[line - 1], end)
    return match.start() if match is not None else None


_RUN = "# Example\n\nRun it:\n\n```bash\nDEPTH=4 torchrun --standalone --nproc_per_node=8 {}\n```\n"
_FULL = package(run_log(), val_bpb=1.2)

RULE = Rule(
    slug=SLUG,
    title="A documented command names a file that isn't there",
    group="package",
    condition="package",
    summary="A command in the README or in the script's own header starts a script that the folder doesn't hold: often "
    "the name that it had while it was written. Or all of the README's start another one than was audited.",
    why="Who follows the README gets an error, and can't know whether the script that is there is the one that ran.",
    advice="Name the submission's script in its commands.",
    counterpart="torchrun --standalone --nproc_per_node=8 train_gpt.py, in a folder that holds train_gpt.py.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "a train script that runs from within the records folder"),
        Authority(
            "#1509", "Copilot", "2026-04", "community", "the usage in the docstring names a script that is not shipped"
        ),
    ),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "the README starts a working name",
            SCRIPT,
            "train_depth_v3.py",
            files=_FULL | {"README.md": _RUN.format("train_depth_v3.py")},
            status="note",
        ),
        Example(
            "the usage in the script's docstring does",
            '"""A small model.\n\nUsage:\n  DEPTH=4 python train_depth_v3.py\n"""\n' + SCRIPT,
            "DEPTH=4 python",
            files=_FULL,
            status="note",
        ),
        Example(
            "the README trains with another script that is there",
            SCRIPT,
            "train_gpt_mlx.py",
            files=_FULL | {"README.md": _RUN.format("train_gpt_mlx.py"), "train_gpt_mlx.py": SCRIPT + "# other\n"},
            status="note",
        ),
    ),
    valid=(
        Example(
            "the submitted script",
            SCRIPT,
            files=_FULL | {"README.md": _RUN.format("train_gpt.py")},
        ),
        Example(
            "a copy that the command before it makes",
            SCRIPT,
            files=_FULL
            | {"README.md": "# Example\n\n```bash\ncp train_gpt.py train_v2.py\ntorchrun train_v2.py\n```\n"},
        ),
        Example(
            "the challenge's own download",
            SCRIPT,
            files=_FULL | {"README.md": "# Example\n\n```bash\npython data/cached_challenge_fineweb.py\n```\n"},
        ),
    ),
    known_problems="A script that is brought from elsewhere by a sentence is taken to be missing.",
    severity="low",
)
