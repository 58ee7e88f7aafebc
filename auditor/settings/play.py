"""The settings in play of a submission: its defaults, its documented commands, what its logs print."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from auditor.regex import regex
from auditor.settings.commands import Target
from auditor.settings.documents import (
    configuration_runs,
    header_runs,
    is_configuration,
    launcher_runs,
    metadata_runs,
    readme_runs,
    script_runs,
)
from auditor.settings.heard import beginnings
from auditor.settings.logs import printed_settings
from auditor.settings.mentions import mentioned, told_with
from auditor.settings.places import placed
from auditor.settings.runs import Run, in_order
from auditor.settings.scripts import alike, shelved
from auditor.submission.model import Override, Setting, Submission, Tree, Unread
from auditor.submission.names import is_shell, is_trainer

MAX_COMMANDS = 4
TOLD = "where it tells the claimed score"  # ends the label of the run that a README documents in such a sentence
MAX_LOGS = 4
_MAX_TEXT = 256 * 1024  # bytes of a README, a run script or metadata
_MAX_LOG = 2 * 1024 * 1024  # bytes of a log's head
_MAX_FILE = 64 * 1024 * 1024  # bytes; a larger file is left alone
_MAX_WRAPPER = 16 * 1024  # characters of a script that may be a mere entry point
_MAX_SCRIPTS = 60
_MAX_ELSEWHERE = 400
_MAX_DOCUMENTS = 6
_MAX_LAUNCHERS = 20
_MAX_LOGS_READ = 24

_INCIDENTAL = regex(
    r"(?:.*_)?seeds?|run_?(?:id|name|tag)|experiment\w*|exp_\w*|tag|log_?\w*|output\w*|out_\w*|artifact_\w*|save_\w*"
    r"|checkpoint\w*|ckpt\w*|\w*model_path|data_(?:dir|path|root)\w*|\w*datasets?_(?:dir|path)\w*|dataset"
    r"|tokenizer_(?:path|dir|meta_path)|tokenizer_kind|train_files|val_files|vocab_path|nccl_\w*|cuda_\w*|omp_\w*|mkl_\w*|torch\w*"
    r"|pytorch_\w*|triton\w*|python\w*|hf_\w*|wandb\w*|master_\w*|nproc\w*|ngpus?|nnodes|(?:local_)?rank|world_size|gas"
    r"|is_main_process|distributed|device|path|home|user|shell|host\w*|model_params|\w*hash|uuid|timestamp|date|started?\w*"
    r"|pod\w*|gpu\w*|note|ws|ddp_allreduce|params|\w*pattern|train_shards|shards"
)
_ABOUT_DATA = regex(r"(?:val_loader|train_loader|tl|val|bpb)(?:_\w+)?")  # in a log: files, counts, scores
_REPORTED = regex(r"(?:^|/)(?:train|final|run|log)?[_-]?(?:s|seed)?[_-]?\d*\.(?:log|txt)\Z", re.I)
_ASIDE = regex(
    r"ablat|sweep|baseline|smoke|debug|probe|scout|pilot|no_?ttt|control|requirement|setup|install|note|exp\d|exploratory"
    r"|superseded|old|failed|prior|earlier|archive|quantize|compile|download|prep|build",
    re.I,
)


def settings_in_play(
    submission: Submission,
    claimed: Sequence[str] = (),
    training: Sequence[str] = (),
    score: float | None = None,
    runs: Sequence[Run] | None = None,
) -> tuple[Setting, ...]:
    """Return the settings under which a submission counts: defaults, commands, sentences of the README, logs.

    ``claimed`` are the logs that print the claimed score, if any do: what other runs were set to is then not in
    play. ``training`` are the logs of the runs that trained what these score; they say what those leave unsaid.
    ``runs`` are the documented ones, where they are known already. ``score`` is the claimed one (bits per byte): a
    README that tells it together with a switch documents the run.

    At most four distinct sets of overrides each for commands (the main one first) and logs (those of the
    reported runs first); seeds and file locations make no difference between two. Files that cannot be
    read are left out: the submission room reports them.
    """
    defaults = Setting("defaults", "the script's defaults", {})
    commands = _commands(documented_runs(submission) if runs is None else runs)
    logs = _logs(submission, claimed, training)
    return (defaults, *commands, *(() if logs else _mentions(submission, commands, score)), *logs)


def _mentions(submission: Submission, commands: tuple[Setting, ...], score: float | None) -> tuple[Setting, ...]:
    """Return the main command with what sentences of the README set besides (where no log says what was run).

    Switches told in one line with the claimed score are as good as a command; others only raise a doubt.
    """
    text = _head(submission.tree, submission.readme, _MAX_TEXT)
    if text is None or submission.readme is None:
        return ()
    said = mentioned(text, submission.readme)
    main = commands[0].overrides if commands else {}
    if not _identity(said) - _identity(main):
        return ()
    out = (Setting("mention", f"the text of {submission.readme}", {**main, **said}),)
    told = told_with(text, submission.readme, score) if score is not None else {}
    if not _identity(told) - _identity(main):
        return out
    return (Setting("command", f"{submission.readme}, {TOLD}", {**main, **told}), *out)


def _commands(runs: Sequence[Run]) -> tuple[Setting, ...]:
    """Return the settings of the documented runs, at most four, those of the main run first."""
    distinct: dict[frozenset[tuple[str, str]], Setting] = {}
    for number, run in enumerate(runs):
        for command in run.commands:
            label = run.label if command is run.commands[0] else f"{run.label}, then {command.path}:{command.line}"
            given = command.overrides
            setting = Setting("command", label, given, run=number, lacking=run.lacking, untold=command.untold)
            distinct.setdefault(_identity(command.overrides), setting)
    return tuple(distinct.values())[:MAX_COMMANDS]


def documented_runs(submission: Submission) -> tuple[Run, ...]:
    """Return the runs that the submission documents, the main one first.

    Sources are the README (where it shows none, the folder's other documents), metadata, run scripts, the script's
    own header and launchers written in Python.
    """
    if submission.script is None:
        return ()
    source = _head(submission.tree, submission.script, _MAX_TEXT)
    files = frozenset(submission.tree.paths())
    inner = _handed_over_to(source or "", submission.helpers) | _handing_over(submission)
    target = Target(submission.script, submission.name, files, inner, submission.beside, _trainers(submission))
    scripts = _scripts(submission)
    found: list[Run] = []
    readme = _head(submission.tree, submission.readme, _MAX_TEXT)
    if readme is not None and submission.readme is not None:
        found.extend(readme_runs(readme, submission.readme, target, scripts))
    documents = [path for path in sorted(files) if path.endswith(".md") and path != submission.readme]
    for path in documents[:_MAX_DOCUMENTS] if not found else ():
        text = _head(submission.tree, path, _MAX_TEXT)
        found.extend(readme_runs(text, path, target, scripts) if text is not None else ())
    metadata = _head(submission.tree, submission.metadata, _MAX_TEXT)
    if metadata is not None and submission.metadata is not None:
        found.extend(metadata_runs(metadata, submission.metadata, target, scripts))
    configured = [path for path in sorted(files) if is_configuration(path) and path != submission.metadata]
    for path, text in _texts(submission.tree, configured[:_MAX_DOCUMENTS]).items():
        found.extend(configuration_runs(text, path))
    of_scripts = script_runs(scripts, target, [lack for run in found for lack in run.lacking])
    # A file that reads like a working name of the script is none where others start the script itself.
    named = any(command.exact for run in (*found, *of_scripts) for command in run.commands)
    found.extend(run for run in of_scripts if not named or any(command.exact for command in run.commands))
    if source is not None:
        found.extend(header_runs(source, submission.script, target))
    python = [path for path in submission.helpers if path.endswith(".py")][:_MAX_LAUNCHERS]
    texts = ((path, _head(submission.tree, path, _MAX_TEXT)) for path in python)
    found.extend(launcher_runs(((path, text) for path, text in texts if text is not None), target))
    elsewhere = dict(scripts.values())
    return in_order(placed(found, lambda path: elsewhere.get(path) or _head(submission.tree, path, _MAX_TEXT)))


def _scripts(submission: Submission) -> dict[str, tuple[str, str]]:
    """Return the run scripts and ``.env`` files: of the folder, and those that the diff adds elsewhere."""
    environments = [path for path in submission.tree.paths() if path.endswith(".env")]
    own = [*submission.shells[:_MAX_SCRIPTS], *environments[:_MAX_SCRIPTS]]
    elsewhere = submission.elsewhere
    others = [p for p in elsewhere.paths() if is_shell(p)][:_MAX_ELSEWHERE] if elsewhere is not None else ()
    return shelved(_texts(submission.tree, own), _texts(elsewhere, others) if elsewhere is not None else {})


def _trainers(submission: Submission) -> dict[str, bool]:
    """Return the trainers outside of the folder by path: whether each is the script, but for a line in twenty."""
    elsewhere = submission.elsewhere
    if elsewhere is None or submission.script is None or submission.carried:
        return {}
    own = _head(submission.tree, submission.script, _MAX_FILE) or ""
    paths = sorted((p for p in elsewhere.paths() if is_trainer(p)), key=lambda p: (p.count("/"), p))[:_MAX_ELSEWHERE]
    return {path: alike(own, text) for path, text in _texts(elsewhere, paths).items()} if own else {}


def _texts(tree: Tree, paths: Iterable[str]) -> dict[str, str]:
    read = {path: _head(tree, path, _MAX_TEXT) for path in paths}
    return {path: text for path, text in read.items() if text is not None}


def _handed_over_to(source: str, helpers: Sequence[str]) -> frozenset[str]:
    """Return the helpers that a short script exists to start: their names begin like a trainer's."""
    if len(source) > _MAX_WRAPPER:
        return frozenset()
    names = (path.rsplit("/", 1)[-1] for path in helpers)
    return frozenset(
        name
        for name in names
        if name.startswith("train") and name.endswith(".py") and re.search(rf"\b{re.escape(name[:-3])}\b", source)
    )


def _handing_over(submission: Submission) -> frozenset[str]:
    """Return the helpers that exist to start the script: a few settings of a library, then ``runpy.run_path``."""
    script = (submission.script or "").rsplit("/", 1)[-1]
    starts = re.compile(rf"\brun_path\([^()\n]*[\"'/]{re.escape(script)}[\"']")
    python = [path for path in submission.helpers if path.endswith(".py")][:_MAX_LAUNCHERS]
    texts = ((path, _head(submission.tree, path, _MAX_WRAPPER)) for path in python)
    return frozenset(path.rsplit("/", 1)[-1] for path, text in texts if text is not None and starts.search(text))


def _logs(submission: Submission, claimed: Sequence[str], training: Sequence[str]) -> tuple[Setting, ...]:
    seeds = _seeds(_head(submission.tree, submission.metadata, _MAX_TEXT))
    kept = _distinct(submission.tree, _by_weight(claimed, seeds))
    if not kept:
        kept = _distinct(submission.tree, _by_weight(submission.logs, seeds))
        begin = _beginnings(submission.tree, submission.logs) if kept else None
        return tuple(replace(each, beginnings=begin) for each in kept)
    for path in training:
        printed = {} if path in claimed else _printed(submission.tree, path)
        kept = tuple(Setting("log", each.label, {**printed, **each.overrides}) for each in kept)
    others = bool(set(submission.logs) - set(claimed))
    begin = _beginnings(submission.tree, [*claimed, *training])
    return tuple(Setting("log", each.label, each.overrides, among_others=others, beginnings=begin) for each in kept)


def _beginnings(tree: Tree, logs: Sequence[str]) -> frozenset[str] | None:
    """Return how the lines of all of these logs begin; None where one wasn't read whole."""
    found: set[str] = set()
    for path in dict.fromkeys(logs):
        text = _head(tree, path, _MAX_LOG) if len(logs) <= _MAX_LOGS_READ else None
        lines = beginnings(text) if text is not None and len(text) < _MAX_LOG // 2 else None
        if lines is None:
            return None
        found |= lines
    return frozenset(found)


def _distinct(tree: Tree, logs: Sequence[str]) -> tuple[Setting, ...]:
    """Return what logs print, one setting for those that don't contradict each other."""
    kept: list[Setting] = []
    for path in logs[:_MAX_LOGS_READ]:
        printed = _printed(tree, path)
        if printed and all(_disagree(printed, setting.overrides) for setting in kept):
            kept.append(Setting("log", path, printed))
        if len(kept) == MAX_LOGS:
            break
    return tuple(kept)


def _printed(tree: Tree, path: str) -> Mapping[str, Override]:
    text = _head(tree, path, _MAX_LOG)
    return printed_settings(text, path) if text is not None else {}


def _by_weight(logs: Sequence[str], seeds: frozenset[str]) -> list[str]:
    """Return logs with those of the reported runs first, those of side experiments last."""

    def weight(path: str) -> tuple[bool, bool, int, bool, str]:
        name = path.rsplit("/", 1)[-1]
        numbers = set(re.findall(r"\d+", name))
        reported = bool(numbers & seeds) or bool(_REPORTED.search(path)) or "train" in name.lower()
        return bool(_ASIDE.search(path)), not reported, path.count("/"), "train" not in name.lower(), path

    return sorted(logs, key=weight)


def _seeds(metadata: str | None) -> frozenset[str]:
    """Return the seeds that submission.json names, as text."""
    try:
        document = json.loads(metadata) if metadata is not None else None
    except (ValueError, RecursionError):
        return frozenset()  # the evidence room reports metadata that does not parse
    if not isinstance(document, dict):
        return frozenset()
    found: set[str] = set()
    for key, value in document.items():
        if "seed" in key.lower():
            holders: Iterable[object] = value if isinstance(value, list | dict) else [value]
            found.update(re.findall(r"\d{1,12}", " ".join(str(holder) for holder in holders)[:4000]))
    return frozenset(found)


def _identity(overrides: Mapping[str, Override]) -> frozenset[tuple[str, str]]:
    """Return what tells two commands apart: not seeds, names of runs, or where files lie."""
    return frozenset((name, override.value) for name, override in overrides.items() if not is_incidental(name))


def is_incidental(name: str) -> bool:
    """Tell whether a setting is a seed, the name of a run or machine, or a place of files: no switch."""
    return _INCIDENTAL.fullmatch(name.lower()) is not None


def _disagree(one: Mapping[str, Override], other: Mapping[str, Override]) -> bool:
    """Tell whether two logs print different values for a setting that both print."""
    return any(
        override.value != other[name].value
        for name, override in one.items()
        if name in other and not _INCIDENTAL.fullmatch(name) and not _ABOUT_DATA.fullmatch(name)
    )


def _head(tree: Tree, path: str | None, keep: int) -> str | None:
    """Return a file's first ``keep`` bytes as text; None when there is no such file or it cannot be read."""
    if path is None:
        return None
    try:
        data = tree.read(path, _MAX_FILE)
    except Unread:
        return None
    if data.startswith(b"\x1f\x8b"):
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, keep)
        except zlib.error:
            return None  # the evidence room says so
    data = data[:keep]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")
