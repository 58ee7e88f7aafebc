"""Whether this Python can run a submission's script at all."""

from __future__ import annotations

import ast
import sys
import warnings

from auditor.program.model import Program
from auditor.reproduce.model import CannotReproduce


def refuse_newer_python(program: Program) -> None:
    """Raise :class:`CannotReproduce` where the script is valid Python, but of a version after this one.

    The auditor's own parser reads newer grammar than the interpreter: what the one has read and the other refuses
    would fail at the script's first line, or where a packed one unpacks itself, with every seed.
    """
    for path, unit in program.units.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ast.parse(unit.source.text)
            except SyntaxError as error:
                here = f"{sys.version_info.major}.{sys.version_info.minor}"
                packed = "unpacked " if unit.source.layer else ""
                raise CannotReproduce(
                    f"{path}: {packed}line {error.lineno} needs a newer Python than {here} ({error.msg}); install "
                    "golf-audit in a newer one and run it from there"
                ) from None
            except (ValueError, RecursionError, MemoryError):
                continue  # not a matter of versions: the run itself will tell
