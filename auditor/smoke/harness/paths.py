"""Where the script imports from: its own folder and the installed packages, never a checkout of the auditor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HOLDER = str(Path(__file__).resolve().parents[3])
"""The folder that this package lies in: site-packages, which the script needs, or a checkout, which it must not see."""


def clean(folder: str) -> None:
    """Put the script's folder first, as Python does; what of us is still to be imported comes from our own package."""
    hidden = {os.getcwd(), ""} if os.path.basename(_HOLDER).endswith("-packages") else {os.getcwd(), "", _HOLDER}  # noqa: PTH109, PTH119
    given = [place for place in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if place not in hidden]
    if given:
        os.environ["PYTHONPATH"] = os.pathsep.join(given)
    sys.path[:] = [folder, *(place for place in sys.path if place not in hidden)]
