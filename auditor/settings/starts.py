"""What the words of a command start, once the commands that only start others are taken away."""

from __future__ import annotations

from auditor.regex import regex
from auditor.settings.expansion import UNKNOWN

SHELLS = frozenset({"bash", "sh", "zsh", "dash", "source", ".", "sbatch", "qsub", "bsub"})
_WRAPPERS = frozenset(
    {
        "env", "sudo", "nohup", "exec", "command", "builtin", "stdbuf", "timeout", "gtimeout", "nice",
        "ionice", "numactl", "taskset", "srun", "mpirun", "mpiexec", "setsid", "unbuffer", "chrt", "time",
        "caffeinate", "singularity", "apptainer", "uv", "uvx", "poetry", "pipenv", "conda", "mamba", "pixi",
        "run", "xargs", "parallel", "screen", "docker", "podman", "then", "do", "&",
    }
)  # fmt: skip
_CONTAINERS = frozenset({"docker", "podman"})  # options and an image stand before what they start
_REPEATERS = frozenset({"xargs", "parallel"})
_GIVEN = regex(r"([A-Za-z_]\w*)=")
_FILES = (".py", ".sh", ".slurm", ".sbatch")
_DASH = regex(r"[-—–:=]|[←→]|<-+|-+>")
_RUNNER = regex(r"(?:torchrun|python[\d.]*|pypy3?|py|accelerate|deepspeed|ipython|torchrun\.exe|modal)\Z")


def name_of(word: str) -> str:
    """Return the last part of a path."""
    return word.rsplit("/", 1)[-1]


def unwrapped(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return what ``env A=1``, ``timeout 900``, ``nohup`` and the like start, and the environment that they give."""
    given: dict[str, str] = {}
    contained = False
    at = 0
    while at < len(words):
        match = _GIVEN.match(words[at])
        if match:
            given[match[1]] = words[at][match.end() :]
            at += 1
            continue
        name = name_of(words[at])
        if name in _REPEATERS:  # what is repeated stands for another input each time
            end = words.index(":::", at) if ":::" in words[at:] else len(words)
            words = [word.replace("{}", UNKNOWN) for word in words[:end]]
        contained = contained or (
            name in _CONTAINERS and any(word in ("run", "exec") for word in words[at + 1 : at + 4])
        )
        if name not in _WRAPPERS and (not contained or _starts(words[at])):
            break
        # What options a wrapper takes does not matter: the next word that can start something does.
        at = next((index for index in range(at + 1, len(words)) if _starts(words[index])), len(words))
    return words[at:], given


def starts_python(words: list[str]) -> bool:
    """Tell whether the first word is Python or a launcher of it, or cannot be known before a Python file."""
    if listed(words):
        return False
    name = name_of(words[0])
    unknown = UNKNOWN in name and any(word.endswith(".py") for word in words[1:])
    return bool(_RUNNER.match(name)) or name.endswith(".py") or unknown


def listed(words: list[str]) -> bool:
    """Tell whether a line says what a file is (``train_gpt.py — the script``) instead of starting it."""
    return len(words) > 1 and words[0].endswith(_FILES) and _DASH.fullmatch(words[1]) is not None


def _starts(word: str) -> bool:
    name = name_of(word)
    return bool(
        _GIVEN.match(word)
        or _RUNNER.match(name)
        or name in _WRAPPERS
        or name in SHELLS
        or name.endswith((".py", ".sh"))
    )
