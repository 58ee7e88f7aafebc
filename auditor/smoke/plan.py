"""What to run: the script as it is, its arguments and environment, and the files that it may read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from auditor.evidence.counted import claimed_logs, training_logs
from auditor.evidence.model import Evidence
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.regex import regex
from auditor.settings import TOLD, settings_in_play
from auditor.smoke.counts import logged_parameters
from auditor.submission.model import Override, Setting, Submission, Unread

MAX_FILE, MAX_FILES, MAX_TOTAL = 32 << 20, 400, 128 << 20
_NAME = regex(r"[A-Z][A-Z0-9_]{1,60}\Z")
_OPTION = regex(r"[a-z][a-z0-9_]{1,60}\Z")
_NUMBER = regex(r"-?\d{1,12}(?:\.\d{1,12})?(?:e-?\d{1,3})?\Z", re.I)
_OURS = regex(
    r"RANK|LOCAL_RANK|WORLD_SIZE|MASTER_\w+|HOME|PATH|PYTHON\w*|LD_\w+|CUDA_\w+|NCCL_\w+|TMPDIR|TORCH\w*|OMP_\w+|MKL_\w+"
)
_PATH = regex(r"/|\.[A-Za-z]\w{1,8}\Z")
_TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True)
class Plan:
    """One smoke test to run.

    ``files`` are the paths to copy (relative to the record folder), ``parameters`` what logs say that the model has
    (number → the place), ``code_bytes`` the script's on disk, ``helper_bytes`` those of files that it reaches,
    ``parses`` whether the newest grammar reads the script, whatever this interpreter makes of it.
    """

    script: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    setting: str
    files: tuple[str, ...]
    parameters: Mapping[int, str]
    code_bytes: int | None
    helper_bytes: int
    parses: bool = True

    def at_defaults(self) -> Plan:
        """Return the same test with the script's defaults in place of what documents and logs set."""
        return replace(self, arguments=(), environment={}, setting="the script's defaults")

    def without_paths(self) -> Plan:
        """Return the same test with the script's own paths in place of those that documents and logs set."""
        kept = {name: value for name, value in self.environment.items() if not _PATH.search(value)}
        return replace(self, environment=kept, setting=f"{self.setting}, without its paths")


def plan(submission: Submission, evidence: Evidence) -> Plan | str:
    """Return what to run for a submission, or in one line why nothing can be."""
    if submission.script is None:
        return "there is no train script"
    claimed = claimed_logs(evidence)
    settings = settings_in_play(submission, claimed, training_logs(evidence), evidence.claims().val_bpb)
    commands = [s for s in settings if s.kind == "command"]
    command = next((s for s in commands if s.label.endswith(TOLD)), commands[0] if commands else None)
    log = next((s for s in settings if s.kind == "log"), None)
    loaded = load_program(submission)
    program = loaded if isinstance(loaded, Program) else None
    source = "\n".join(unit.source.text for unit in program.units.values()) if program else ""
    environment = _logged(log, source)
    arguments: list[str] = []
    for name, override in (command.overrides if command else {}).items():
        if _NAME.match(name) and not _OURS.fullmatch(name):
            environment[name] = override.value
        elif _OPTION.match(name) and not _NAME.match(name):
            arguments += _option(override, source)
    if log is not None:
        environment.update(_logged(log, source))  # what a log prints is what ran
    labels = [s.label for s in (command, log) if s is not None] or ["the script's defaults"]
    sizes = evidence.sizes
    return Plan(
        submission.script,
        tuple(arguments),
        environment,
        ", ".join(labels),
        _files(submission),
        logged_parameters(submission, claimed or submission.logs),
        sizes.code_bytes,
        sizes.helper_bytes,
        program is not None and program.main.module is not None,
    )


def _logged(log: Setting | None, source: str) -> dict[str, str]:
    """Return the environment that a log's printed hyperparameters stand for, where the script reads such a name."""
    out: dict[str, str] = {}
    for name, override in log.overrides.items() if log else ():
        value = _TRUTH.get(override.value.lower(), override.value)
        upper = name.upper()
        if (
            _NUMBER.match(value)
            and not _OURS.fullmatch(upper)
            and re.search(rf"""["']{re.escape(upper)}["']""", source)
        ):
            out[upper] = value
    return out


def _option(override: Override, source: str) -> list[str]:
    """Return an option as the script spells it; none where it has no such option."""
    for spelt in (override.name, override.name.replace("_", "-")):
        if re.search(rf"""["']--{re.escape(spelt)}["']""", source):
            return [f"--{spelt}"] if override.value == "True" else [f"--{spelt}", override.value]
    return []


def _files(submission: Submission) -> tuple[str, ...]:
    """Return the files that the script may need: all but logs, the smaller ones first, within the caps."""
    logs = set(submission.logs)
    sized: list[tuple[int, str]] = []
    for path in submission.tree.paths():
        if path in logs and path != submission.script:
            continue
        try:
            size = submission.tree.size(path)
        except Unread:
            continue
        if size <= MAX_FILE and ".." not in PurePosixPath(path).parts:
            sized.append((size, path))
    sized.sort(key=lambda pair: (pair[1] != submission.script, not pair[1].endswith(".py"), pair[0], pair[1]))
    kept, total = [], 0
    for size, path in sized[:MAX_FILES]:
        if total + size <= MAX_TOTAL:
            kept.append(path)
            total += size
    return tuple(kept)
