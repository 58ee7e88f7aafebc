"""Which of a setting's values belongs to a given switch of the script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from auditor.regex import regex
from auditor.settings.commands import GIVEN_WITHOUT_VALUE
from auditor.submission.model import Override, Setting


def lookup(setting: Setting, env_name: str | None, attribute_names: Iterable[str] = ()) -> Override | None:
    """Return the value that a setting gives to a switch, None when it gives none.

    ``env_name`` is the environment variable or option that the script reads (None when it reads none);
    ``attribute_names`` are the names under which the script keeps the value. A command matches the exact
    variable or an option; ``--no-foo`` sets ``foo`` to ``False``. A log matches either in lower case, and
    ``ttt:start`` or ``ttt:False`` answers for ``ttt_enabled``.
    """
    overrides = setting.overrides
    if setting.kind in ("command", "mention"):
        if env_name is not None and env_name in overrides:
            return overrides[env_name]
        for name in filter(None, map(_plain, (env_name or "", *attribute_names))):
            if name in overrides:
                return overrides[name]
            refused = overrides.get(f"no_{name}")
            if refused is not None and refused.value == GIVEN_WITHOUT_VALUE:
                return replace(refused, name=name, value="False")
    elif setting.kind == "log":
        return _printed(overrides, [_plain(name).lower() for name in (env_name or "", *attribute_names)])
    return None


_SWITCH = regex(r"(?:(?:use|enable|do|run|with)_(\w+)|(\w+?)_(?:enabled?|on|flag))\Z")
_ON = frozenset({"true", "yes", "on", "enabled", "start", "starting", "started", "active"})
_BOOLEAN = frozenset({"true", "false"})
_OFF = frozenset({"false", "no", "off", "disabled", "skipped", "skip", "inactive"})


def _plain(name: str) -> str:
    """Return an option's name as a setting keeps it: ``--ttt-epochs`` is ``ttt_epochs``."""
    return name.lstrip("-").replace("-", "_")


def _printed(overrides: Mapping[str, Override], names: list[str]) -> Override | None:
    exact = [overrides[name] for name in names if name in overrides]
    # ``ttt: start`` tells that a phase began; a value printed under another of the names tells more.
    valued = [found for found in exact if _word(found) in _BOOLEAN or _word(found) not in _ON | _OFF]
    stated = filter(None, (_state(overrides, name) for name in names))
    return next((found for found in (*valued, *stated)), None)


def _state(overrides: Mapping[str, Override], name: str) -> Override | None:
    """Return what a log says of the feature that a switch such as ``ttt_enabled`` turns on, as 1 or 0.

    Logs print ``ttt:True`` or ``ttt:start`` where the script has ``ttt_enabled``.
    """
    match = _SWITCH.match(name)
    found = overrides.get(name) or (overrides.get(match[1] or match[2]) if match else None)
    if found is None:
        return None
    word = _word(found)
    if word in _ON:
        return replace(found, name=name, value="1")
    return replace(found, name=name, value="0") if word in _OFF else None


def _word(override: Override) -> str:
    return override.value.split(" ", 1)[0].rstrip(".,:;").lower()
