"""Environment variables that the documented command sets and that no file of the submission reads."""

from __future__ import annotations

import re

from auditor.case import Case
from auditor.program.model import Program
from auditor.regex import regex
from auditor.submission.model import Override, Unread
from auditor.submission.names import shown
from rules.scored_runs import several

_LARGEST = 4_000_000  # bytes of a run script or helper that are looked at
_MOST_NAMED = 4
_VARIABLE = regex(r"[A-Z][A-Z0-9_]{2,}")
# What Python, torch and the machine's own libraries read.
_OTHERS_READ = regex(
    r"(?:CUDA|CUBLAS|CUDNN|NCCL|OMP|MKL|OPENBLAS|NUMEXPR|TORCH|PYTORCH|TRITON|PYTHON|HF|HUGGINGFACE|WANDB|TOKENIZERS"
    r"|TRANSFORMERS|LD|XLA|GLOO|UCX|FI|NVTE|NVIDIA|SLURM|RUNPOD|MODAL|MLX|HSA|ROCM|AMD|GIT|PIP|UV|TF|XDG|GOMP|KMP|MALLOC"
    r"|AWS|ACCELERATE|DS|TQDM|LC|RAY|FLASH|TORCHINDUCTOR|TORCHELASTIC)_\w+"
    r"|PATH|HOME|TMPDIR|TEMP|TMP|LANG|SHELL|USER|CC|CXX|CFLAGS|MAX_JOBS|RANK|LOCAL_RANK|WORLD_SIZE|MASTER_\w+|NPROC\w*"
    r"|DISPLAY|TERM|COLUMNS|DEBIAN_FRONTEND|VIRTUAL_ENV"
)
# A name that is put together where it is read: no text holds it.
_COMPUTED = regex(
    r"environ(?:\s*\.\s*get)?\s*[\[(]\s*(?!\s*[rRbBuU]?[\"'])|getenv\s*\(\s*(?!\s*[rRbBuU]?[\"'])|environ\s*\.\s*items"
    r"|environ\s*[\[.(](?:get\()?\s*[fF][\"']|environ\b(?!\s*[.\[])|BaseSettings|load_dotenv"
)


def unread_switches(case: Case) -> tuple[Override, str] | None:
    """Return the first of the variables that the main run sets and nothing reads, with a sentence; None without one.

    Nothing is said where a name may be put together, or where not all of the program can be read.
    """
    program = case.program
    if program is None or not case.runs or not program.whole or any(u.failure for u in program.units.values()):
        return None
    texts = _texts(case, program)
    if any(_COMPUTED.search(text) for text in texts):
        return None
    given = {name: o for command in case.runs[0].commands for name, o in command.overrides.items()}
    names = [name for name in given if _VARIABLE.fullmatch(name) and not _OTHERS_READ.fullmatch(name)]
    low = [text.lower() for text in texts]
    unread = [name for name in names if not any(_names(text, name.lower()) for text in low)]
    if not unread:
        return None
    some = several([shown(name, 40) for name in unread[:_MOST_NAMED]])
    more = f" and {len(unread) - _MOST_NAMED} more" if len(unread) > _MOST_NAMED else ""
    return given[unread[0]], f"The documented command sets {some}{more}, which no code of the submission names."


def _texts(case: Case, program: Program) -> list[str]:
    texts = [source.text for unit in program.units.values() for source in unit.sources]
    texts += [source.text for source in program.native.values()]
    submission = case.submission
    for path in (*submission.helpers, *submission.shells):
        if path in program.units:
            continue
        try:
            data = submission.tree.read(path, _LARGEST)
        except Unread:
            continue
        text = data.decode("utf-8", "replace")
        # A run script that only passes a variable on doesn't read it.
        texts.append(re.sub(r"(?m)(?:^|(?<=[\s;]))(?:export\s+)?[A-Z][A-Z0-9_]*=", "", text))
    return texts


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![a-z0-9_]){re.escape(name)}(?![a-z0-9_])", text) is not None
