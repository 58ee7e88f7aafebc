"""How to install what is missing, from where golf-audit itself was installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata

_DISTRIBUTION = "golf-audit"


def install_hint(extra: str) -> str:
    """Return the command that adds an extra's packages to this environment.

    It names the clone, wheel or address that golf-audit was installed from (PEP 610); the plain name only where that
    came from an index, or nothing says where from.
    """
    return _command(f"{_DISTRIBUTION}[{extra}]", extra, _origin())


def _origin() -> str | None:
    """Return the address that this installation came from; None for an index, or where it isn't installed."""
    try:
        text = metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return None
    address = found.get("url") if isinstance(found, dict) else None
    return address if isinstance(address, str) else None


def _command(plain: str, extra: str, origin: str | None) -> str:
    wanted = plain
    if origin is not None:
        revision = f"git+{origin}" if origin.endswith(".git") else origin
        wanted = f"{plain} @ {revision}"
    else:
        clone = _clone()
        if clone is not None:
            wanted = f"{clone}[{extra}]"
    python = shlex.quote(sys.executable)
    # pipx and uv make environments without a pip of their own.
    pip = f"{python} -m pip install" if _has_pip() else f"uv pip install --python {python}"
    return f"{pip} {shlex.quote(wanted)}"


def _has_pip() -> bool:
    # Looking for the module instead would wake setuptools' import hook, which warns where distutils is loaded.
    try:
        metadata.distribution("pip")
    except metadata.PackageNotFoundError:
        return False
    return True


def _clone() -> str | None:
    """Return the folder of the clone that runs, where this is one."""
    from pathlib import Path

    folder = Path(__file__).resolve().parents[2]
    return str(folder) if (folder / "pyproject.toml").is_file() else None
