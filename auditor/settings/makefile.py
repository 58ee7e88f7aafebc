"""Makefiles as shell text: a function for each target, so that ``make train`` is a call."""

from __future__ import annotations

import re

from auditor.regex import regex
from auditor.settings.starts import name_of

_VARIABLE = regex(r"(?:export\s+)?([A-Za-z_]\w*)\s*(\?=|:=|::=|\+=|=)\s*(.*)\Z")
_TARGET = regex(r"([A-Za-z0-9_][\w.-]*)[ \t]*::?(?!=)[^=]*\Z")
_REFERENCE = regex(r"\$[({](\w+)[)}]|\$(\$)")


def as_functions(text: str) -> str:
    """Return a Makefile as shell text with the same lines: variables are assignments, targets functions."""
    lines = text.replace("\r\n", "\n").split("\n")
    out: list[str] = []
    opened = False
    continued = False
    for line in lines:
        recipe = line.startswith("\t") or (opened and continued)
        if recipe and opened:
            out.append(_expanded(line.strip().lstrip("@-+ ") if not continued else line.strip()))
            continued = line.rstrip().endswith("\\")
            continue
        continued = False
        target, variable = _TARGET.match(line), _VARIABLE.match(line)
        closing = "}; " if opened and (target or variable) else ""
        opened = opened and not closing
        if variable is not None:
            value = _expanded(variable[3].split(" #")[0].strip()).replace('"', '\\"')
            keep = f"${{{variable[1]}:-{value}}}" if variable[2] == "?=" else value
            exported = "export " if line.startswith("export") else ""
            out.append(f'{closing}{exported}{variable[1]}="{keep}"')
        elif target is not None and not line.startswith("."):
            out.append(f"{closing}{_function(target[1])}() {{ :")
            opened = True
        else:
            out.append(closing)
    return "\n".join(out) + ("\n}" if opened else "")


def _function(target: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", target)


def _expanded(text: str) -> str:
    return _REFERENCE.sub(lambda match: "$" if match[2] else f"${{{match[1]}}}", text)


def is_makefile(path: str) -> bool:
    """Tell whether a file is a Makefile, by its name."""
    return name_of(path).lower() == "makefile" or path.endswith(".mk")
