"""Documented runs of a submission: README, run scripts, the script's own header, metadata, launchers."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from auditor.regex import regex
from auditor.settings.commands import Command, Target, command_of, command_of_environment, twin
from auditor.settings.files import FileStep
from auditor.settings.launchers import launcher_shells
from auditor.settings.markdown import Block, code_blocks
from auditor.settings.runs import Run, joined
from auditor.settings.scripts import Scripts, namesakes
from auditor.settings.shell import launches, walk
from auditor.settings.state import Assigned
from auditor.settings.tidy import as_shell
from auditor.settings.walked import Shell, Walk
from auditor.submission.model import STARTED, Override

_MAIN, _USUAL, _ASIDE, _LOW, _GUESSED = range(5)
_MAIN_WORDS = regex(
    r"\b(?:runn?|running|re-?run|reprod\w*|commands?|usage|launch\w*|how to|quick ?start|submit"
    r"|submission|final|train(?:ing)?|evaluat\w+|record|full|official|8 ?[x×])",
    re.I,
)
_LOW_WORDS = regex(
    r"ablat|baseline|sweep|disabl|without|smoke|debug|sanity|\blocal|proxy|\b[124] ?[x×] ?(?:h100|gpu|a100)"
    r"|single[- ](?:gpu|a100|h100|card)|eval[- ]only|a100|3090|4090|\bmlx|\bcpu\b|control|compar|optional"
    r"|alternativ|legacy|previous|\bprior\b|variant"
    r"|\bno[-_ ]?ttt|preflight|dry[- ]run|quick test|experiment|exploratory|negative|old(?:er)?\b|diagnos",
    re.I,
)
_LOW_NAMES = regex(
    r"ablat|baseline|sweep|smoke|debug|setup|install|download|prep|test(?!_?time)|no_?ttt|eval|1x|1gpu|single|scout"
    r"|pilot|compare|check|verify|bench|profile|local|mlx|phase|grid|search|control|probe|experiment",
    re.I,
)
_NOT_SHELL = frozenset(
    {"python", "py", "json", "yaml", "yml", "toml", "diff", "patch", "c", "cpp", "c++", "cuda", "rust"}
    | {"latex", "math", "mermaid", "html", "xml", "csv", "ini"}
)
_ABOVE = regex(
    r"\b(?:environment|env|settings|config\w*|variables|flags)\b.{0,20}\babove"
    r"|\babove (?:environment|env|settings|config)",
    re.I,
)
_ARGUMENT = regex(r"\$[{(]?[\d!#]")  # of a script, by its number
_SETTINGS_KEY = regex(r"env|config|setting|hyper|flag|override|param|knob|args", re.I)
_CUT = regex(
    r"(?:env[ \t]+)?(?:[A-Z][A-Z0-9_]*=[^\s=]*[ \t]+)*(?:torchrun|python3?|accelerate launch|bash|sh)"
    r"[ \t][^\n]*"
)


_MOST_FILES = 40  # that a run makes before its commands
_MOST_APART = 60  # run scripts outside of the folder that are taken by themselves
_MAX_PROSE = 8000  # characters of a line of prose in which a command is looked for


def readme_runs(text: str, path: str, target: Target, scripts: Scripts) -> tuple[Run, ...]:
    """Return the runs of the train script that a README shows, in its order."""
    found: list[Run] = []
    listed: list[Run] = []
    mentioned: list[Run] = []  # a sentence that names the bare command seldom gives all of it
    carried: Mapping[str, Assigned] = {}
    above: Mapping[str, Override] = {}
    files: list[FileStep] = []
    folder = ""
    for block in code_blocks(text):
        if block.language in _NOT_SHELL:
            continue
        shell = Shell(as_shell(block.text), path, block.line, scripts, exports_all=True, environment=carried)
        walked = walk(replace(shell, folder=folder))
        folder = walked.folder
        lacking = _lacking(walked)
        before = len(found)
        for step in walked.steps:
            if isinstance(step, FileStep):
                files.append(step)
                continue
            command = command_of(step, target)
            if command is None:
                continue
            here = step.path == path
            remark = _remark_above(block, step.line) if here else f"{step.path}:{step.line}"
            if block.kind == "inline" and not command.overrides:
                mentioned.append(_run(command, path, step.line, (block.heading, "", "mentioned")))
                continue
            if _ABOVE.search(block.lead):
                command = replace(command, overrides={**above, **command.overrides})
            line = step.line if here else block.line
            run = _run(command, path, line, (block.heading, block.lead, remark))
            found.append(replace(run, files=tuple(files[:_MOST_FILES]), lacking=lacking))
        if len(found) == before and walked.unfound and block.kind == "fenced":
            nothing = command_of_environment({}, path, walked.unfound[0].line)
            words = (block.heading, block.lead, walked.unfound[0].value)
            found.append(replace(_run(nothing, path, nothing.line, words), lacking=lacking))
        launched = bool(walked.launches)
        exported = "export " in block.text or "$env:" in block.text.lower()
        carried = walked.environment if exported and not launched else {}
        if len(found) == before and not launched and block.kind == "fenced":
            listing = tuple(_listing(walked.environment, block, path))
            listed.extend(listing)
            above = listing[0].commands[0].overrides if listing else above
    return joined(found or listed or mentioned)


def script_runs(scripts: Scripts, target: Target, lacking: Iterable[Override] = ()) -> tuple[Run, ...]:
    """Return the runs of the run scripts, each script taken by itself.

    Which of several with one name was run only a document tells that starts it; so it is with one that starts another
    program of the pull request. ``lacking`` is what documents start or read and that isn't there: a script elsewhere
    that has its name is another one.
    """
    found: list[Run] = []
    gone = {posixpath.basename(lack.name) for lack in lacking}
    alone = [
        key
        for key in scripts
        if "/" not in key or (len(namesakes(scripts, key)) == 1 and posixpath.basename(key) not in gone)
    ]
    apart = [key for key in alone if "/" in key][_MOST_APART:]
    for name in alone:
        path, text = scripts[name]
        if name.endswith(".env") or name in apart:
            continue
        tier = _LOW if _LOW_NAMES.search(name) or path.count("/") > target.script.count("/") else _USUAL
        shell = Shell(text, path, scripts=scripts)
        # What starts nothing without arguments (a usage line, say) is walked for whatever it may be given.
        own = _started(shell, target, tier)
        if not own and _ARGUMENT.search(text):
            own = _started(replace(shell, asks=True), target, tier)
        found.extend(joined(own))
    return tuple(found)


def _started(shell: Shell, target: Target, tier: int) -> list[Run]:
    """Return the starts of the train script in a run script, each with the files that were made before it."""
    walked = walk(shell)
    files: list[FileStep] = []
    own: list[Run] = []
    for step in walked.steps:
        if isinstance(step, FileStep):
            files.append(step)
        elif twin(step, target) is not False and (command := command_of(step, target)) is not None:
            made = tuple(files[:_MOST_FILES])
            label = f"{shell.path}:{step.line}"
            own.append(Run((command,), label, _rank(command, tier), made, _lacking(walked)))
    return own


def _lacking(walked: Walk) -> tuple[Override, ...]:
    started = [Override(lack.value, STARTED, lack.path, lack.line) for lack in walked.unfound]
    read = [Override(lack.value, "", lack.path, lack.line) for lack in walked.missing]
    return tuple((*started, *read)[:_MOST_FILES])


def header_runs(source: str, path: str, target: Target) -> tuple[Run, ...]:
    """Return the usage lines in a script's leading comments and docstring."""
    found: list[Run] = []
    for line, text in _cut_commands(_header(source)):
        for launch in launches(Shell(text, path, line, exports_all=True)):
            command = command_of(launch, target)
            if command is not None:
                low = _LOW_WORDS.search(source.split("\n")[line - 1])
                rank = _rank(command, _LOW if low else _ASIDE)
                found.append(Run((command,), f"usage in {path}:{launch.line}", rank))
    return tuple(found)


def header_commands(source: str) -> Iterator[tuple[int, str]]:
    """Yield the commands in a script's leading comments and docstring, each with its 1-based line."""
    yield from _cut_commands(_header(source))


def metadata_runs(text: str, path: str, target: Target, scripts: Scripts) -> tuple[Run, ...]:
    """Return commands and environments that submission.json holds; none when it is not JSON."""
    found: list[Run] = []
    for key, value in _fields(_parsed(text), "", 0):
        line = _line_of(text, key)
        label = f"{path}: {_clean(key)}"
        if isinstance(value, str):
            for _, cut in _cut_commands(((line, value),)):
                for launch in launches(Shell(cut, path, line, scripts, exports_all=True)):
                    command = command_of(launch, target)
                    if command is not None:
                        found.append(Run((command,), label, _rank(command, _MAIN)))
        elif isinstance(value, dict) and _SETTINGS_KEY.search(key):
            found.extend(_environment(value, text, path, line, label))
    return tuple(found)


def is_configuration(path: str) -> bool:
    """Return whether a file is named as one that holds a run's settings as JSON (``config.json``)."""
    name = posixpath.basename(path)
    return name.endswith(".json") and "/" not in path and bool(_SETTINGS_KEY.search(name))


def configuration_runs(text: str, path: str) -> tuple[Run, ...]:
    """Return the run whose environment a file of settings is; none where it is no object of such variables."""
    document = _parsed(text)
    return tuple(_environment(document, text, path, 1, path)) if isinstance(document, dict) else ()


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # the evidence room reports metadata that does not parse


def _environment(values: Mapping[str, object], text: str, path: str, line: int, label: str) -> Iterator[Run]:
    """Yield the run with an object's variables as its environment, each at its own line of the file."""
    given = {
        name: Assigned(_scalar(item), path, max(line, _line_of(text, name)))
        for name, item in values.items()
        if _is_variable(name) and isinstance(item, str | int | float) and " " not in str(item)
    }
    if len(given) >= 2:
        command = command_of_environment(given, path, line)
        yield Run((command,), label, _rank(command, _LOW))


def launcher_runs(files: Iterable[tuple[str, str]], target: Target) -> tuple[Run, ...]:
    """Return the commands of Python launchers (``files``: path and text), as far as they are literal."""
    found: list[Run] = []
    for path, text in files:
        for shell in launcher_shells(path, text):
            for launch in launches(shell):
                command = command_of(launch, target)
                if command is not None:
                    low = _LOW_NAMES.search(path.rsplit("/", 1)[-1])
                    found.append(Run((command,), f"{path}:{launch.line}", _rank(command, _LOW if low else _ASIDE)))
    return tuple(found)


def _run(command: Command, path: str, line: int, words: tuple[str, str, str]) -> Run:
    heading, lead, remark = words
    nearest = remark or lead
    command = replace(command, remark=f"{heading} {nearest}" if remark or lead else heading)
    if _LOW_WORDS.search(nearest) or (_LOW_WORDS.search(heading) and not _MAIN_WORDS.search(nearest)):
        tier = _LOW
    elif _MAIN_WORDS.search(heading) or _MAIN_WORDS.search(nearest):
        tier = _MAIN
    else:
        tier = _USUAL
    place = ", ".join(dict.fromkeys(filter(None, (_clean(heading), _clean(nearest)))))
    return Run((command,), f"{path}:{line}" + (f" ({place})" if place else ""), _rank(command, tier))


def _rank(command: Command, tier: int) -> tuple[int, int, int]:
    few = 1 if command.workers is not None and command.workers < 8 else 0
    return (tier if command.exact else _GUESSED, few, 0)


def _listing(left: Mapping[str, Assigned], block: Block, path: str) -> Iterator[Run]:
    lines = block.text.split("\n")
    given = {
        name: value
        for name, value in left.items()
        if _is_variable(name) and value.line >= block.line and _begins(lines, value.line - block.line)
    }
    if len(given) >= 2 and not _LOW_WORDS.search(f"{block.heading} {block.lead}"):
        command = command_of_environment(given, path, block.line)
        yield _run(command, path, block.line, (block.heading, block.lead, "environment listed"))


def _begins(lines: list[str], at: int) -> bool:
    """Tell whether a line of a listing begins with an assignment: a log's line may hold some, too."""
    line = lines[at] if at < len(lines) else ""
    return re.match(r"[\s$]{0,20}(?:export\s|set\s|[A-Z][A-Z0-9_]*=)", line) is not None


def _remark_above(block: Block, line: int) -> str:
    """Return the comment just above a command of the block, as the words that introduce it."""
    lines = block.text.split("\n")
    at = min(line - block.line, len(lines)) - 1
    while at >= 0 and not lines[at].strip():
        at -= 1
    above = lines[at].strip() if at >= 0 else ""
    return above.strip("# -=:─═")[:120] if above.startswith("#") else ""


def _header(source: str) -> tuple[tuple[int, str], ...]:
    """Return the numbered lines of the leading comments and docstring, comment signs removed."""
    found: list[tuple[int, str]] = []
    quote = ""
    for number, line in enumerate(source[:20_000].split("\n"), 1):
        text = line.strip()
        if quote:
            found.append((number, text.replace(quote, " ")))
            quote = "" if quote in text else quote
        elif text.startswith("#"):
            found.append((number, text.lstrip("# ")))
        elif match := re.match(r"[rRuU]?(\"\"\"|''')", text):
            if match[1] not in text[match.end() :]:
                quote = match[1]
            found.append((number, text[match.end() :].replace(match[1], " ")))
        elif text and not text.startswith("from __future__"):
            break
    return tuple(found)


def _cut_commands(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the commands in prose lines, each from its first assignment on, with continuation lines."""
    logical: list[str] = []
    start = 0
    for number, line in lines:
        if not logical:
            start = number
        if line.rstrip().endswith("\\") and len(logical) < 200:
            logical.append(line.rstrip()[:-1])
            continue
        whole = " ".join([*logical, line])
        logical = []
        match = _CUT.search(whole[:_MAX_PROSE])
        if match and (".py" in match[0] or ".sh" in match[0]):
            yield start, re.split(r"[`\"](?=[\s.,;)]|$)", match[0])[0]


def _fields(value: object, key: str, depth: int) -> Iterator[tuple[str, object]]:
    if depth > 3:
        return
    yield key, value
    if isinstance(value, dict):
        for name, item in list(value.items())[:400]:
            yield from _fields(item, str(name), depth + 1)
    elif isinstance(value, list):
        for item in value[:50]:
            yield from _fields(item, key, depth + 1)


def _line_of(text: str, key: str) -> int:
    at = text.find(f'"{key}"') if key else -1
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _scalar(value: str | int | float) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _is_variable(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", name))


def _clean(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip()[:80]
