"""Which of a folder's Python files is the train script, and why it was taken."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from auditor.challenge.places import is_default_script
from auditor.regex import regex
from auditor.submission.names import depth, shown, suffix

_CONTINUED = regex(r"\\[ \t]*\n")
_APART = regex(r"[;|&`\"'<>()]")
_LAUNCHER = regex(r"(.*/)?(torchrun|python(3(\.\d+)?)?|accelerate|deepspeed|modal|uv)")
_DECODES = regex(r"(?:b85|b64|a85)decode|decompress\(")
_RUNS = regex(r"\bexec\s*\(|\brunpy\b|\bcompile\(")
_TRAINS = regex(r"\.backward\(|value_and_grad")
_SIGNS: tuple[tuple[re.Pattern[str], int], ...] = (
    (_TRAINS, 3),
    (regex(r"\.step\(\)|optimizer|\boptim\."), 2),
    (regex(r"val_bpb|val_loss"), 2),
    (regex(r"fineweb_val|val_tokens|load_validation_tokens"), 2),
    (regex(r"fineweb_train|train_files|train_loader|TokenStream|DataLoader"), 2),
    (regex(r"nn\.Module|mlx\.nn|jax"), 1),
    (regex(r"MAX_WALLCLOCK_SECONDS|ITERATIONS|max_wallclock"), 2),
    (regex(r"__name__\s*==\s*[\"']__main__"), 1),
    # What a packed script shows: something is decoded, and something is run.
    (_DECODES, 3),
    (_RUNS, 3),
)
_ENOUGH = 6  # signs of a trainer below which a file is not taken for one
_ASIDE = regex(
    r"(^|[_/])(tests?|smoke|prepare|download|tokeni[sz]e|retokeni[sz]e|plot|setup|launch|sweep|check|verify|"
    r"human|readable|decoded|unpacked|source|old|orig|original|backup|baseline|ablation|mlx|local|modal)"
    r"(?=[_/.\d]|$)",
    re.IGNORECASE,
)


class Choice(Struct, frozen=True):
    """The script that was taken, if any; ``doubt`` is one line when another could have been meant."""

    script: str | None
    doubt: str = ""


def named_scripts(text: str) -> tuple[str, ...]:
    """Return the Python files that launch commands in ``text`` run, in order, each once, as written."""
    found: dict[str, None] = {}
    for line in _CONTINUED.sub(" ", text).splitlines():
        for command in _APART.split(line):
            words = command.split()
            launch = next((i for i, word in enumerate(words) if _LAUNCHER.fullmatch(word)), len(words))
            script = next((word for word in words[launch + 1 :] if word.endswith(".py")), None)
            if script is not None:
                found[posixpath.normpath(script)] = None
    return tuple(found)


def signs_of_a_trainer(text: str) -> int:
    """Return how strongly a source text looks like a train script: 0 (not at all) to 21."""
    return sum(weight for pattern, weight in _SIGNS if pattern.search(text))


def trains(text: str) -> bool:
    """Tell whether a source text computes gradients, or is packed so that only unpacking would tell."""
    packed = signs_of_a_trainer(text) >= _ENOUGH and _DECODES.search(text) and _RUNS.search(text)
    return _TRAINS.search(text) is not None or bool(packed)


def needs_texts(sources: Sequence[str]) -> bool:
    """Tell whether :func:`choose` will look into the files, so that they must be read for it."""
    return not any(is_default_script(path) for path in sources)


def choose(sources: Sequence[str], texts: Mapping[str, str], documents: Sequence[tuple[str, str]]) -> Choice:
    """Return the train script among ``sources``.

    In this order: ``train_gpt.py`` at the top; the script that a documented command runs (``documents`` are
    pairs of path and text, best first); ``train_gpt.py`` further down; the one with the strongest signs of a
    trainer. ``texts`` holds the sources' beginnings; it may be empty when :func:`needs_texts` is false.
    """
    scripts = [path for path in sources if suffix(path) == ".py"]
    usual = next((path for path in scripts if is_default_script(path)), None)
    if usual is not None:
        return Choice(usual)
    if not scripts:
        return Choice(None, "no Python file, so no train script")
    strength = {path: signs_of_a_trainer(texts.get(path, "")) for path in scripts}
    training = {path: trains(texts.get(path, "")) for path in scripts}
    for document, text in documents:
        named = [path for name in named_scripts(text) for path in _matching(name, scripts)]
        trainers = [path for path in dict.fromkeys(named) if strength[path] >= _ENOUGH]
        if trainers:
            # A guide may run searches, evaluations and data preparation too: the trainer is what trains.
            best = min(trainers, key=lambda p: (not training[p], _aside(p), -strength[p], named.index(p)))
            return Choice(best, _no_default(best, f"the command in {shown(document)} runs it"))
    nested = sorted((p for p in scripts if is_default_script(posixpath.basename(p))), key=lambda p: (depth(p), p))
    if nested:
        others = f" ({len(nested)} of that name)" if len(nested) > 1 else ""
        return Choice(nested[0], _no_default(nested[0], f"it is the uppermost {posixpath.basename(nested[0])}{others}"))
    best = min(
        scripts,
        key=lambda p: (
            strength[p] < _ENOUGH,
            not training[p],
            _aside(p),
            -strength[p] - _named_as_trainer(p),
            depth(p),
            p,
        ),
    )
    if len(scripts) == 1 and _named_as_trainer(best):
        return Choice(best, _no_default(best, "the only Python file, and named like a trainer"))
    if strength[best] < _ENOUGH:
        return Choice(None, f"none of the {len(scripts)} Python files looks like a train script")
    rivals = sum(1 for path in scripts if strength[path] >= _ENOUGH) - 1
    why = "the only file that looks like a trainer" if not rivals else f"a guess among {rivals + 1} trainers"
    return Choice(best, _no_default(best, why))


def _matching(name: str, scripts: Sequence[str]) -> list[str]:
    exact = [path for path in scripts if path == name or name.endswith("/" + path) or path.endswith("/" + name)]
    return exact or [path for path in scripts if posixpath.basename(path) == posixpath.basename(name)]


def _aside(path: str) -> bool:
    return _ASIDE.search(path) is not None


def _named_as_trainer(path: str) -> int:
    base = posixpath.basename(path)
    return 3 * base.startswith("train_gpt") + 2 * ("train" in base)


def _no_default(path: str, why: str) -> str:
    return f"no train_gpt.py at the top of the folder; {shown(path)} is read as the train script: {why}"
