"""The token that GitHub knows us by: where it is found, and that it is never shown."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from auditor.github.refused import Refused
from auditor.regex import regex

DEFAULT_BASE_URL = "https://api.github.com"
_PUBLIC = frozenset({"api.github.com", "github.com"})
_VARIABLES = ("GH_TOKEN", "GITHUB_TOKEN")  # in the order in which gh takes them
_ENTERPRISE = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")  # before those, for any other host
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WELL_FORMED = regex(r"[\x21-\x7e]{1,1000}")
_GH_SECONDS = 15.0


@dataclass(frozen=True)
class Token:
    """A secret and where it came from; only the latter shows."""

    secret: str = field(repr=False)
    source: str

    def __str__(self) -> str:
        return f"the token of {self.source}"


def find_token(base_url: str, environment: Mapping[str, str] = os.environ) -> Token | None:
    """Return the token for an API address: the environment's, else that of ``gh auth token``; None without one.

    GH_TOKEN comes before GITHUB_TOKEN, as in gh; for other hosts than GitHub's own GH_ENTERPRISE_TOKEN and
    GITHUB_ENTERPRISE_TOKEN come first. Raises :class:`Refused` when what is there can't be a token.
    """
    host = urlsplit(base_url).hostname or ""
    for name in (() if host in _PUBLIC else _ENTERPRISE) + _VARIABLES:
        secret = environment.get(name, "").strip()
        if secret:
            return _checked(secret, name)
    return _of_gh("github.com" if host in _PUBLIC else host)


def check_base_url(base_url: str) -> str:
    """Return an API address without its last slash; raises :class:`Refused` for one that no token may go to."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in {"http", "https"} or port == 0:
        raise Refused(f"the base URL isn't one of an API: give one such as {DEFAULT_BASE_URL} or https://HOST/api/v3")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise Refused("the base URL has a user, a query or a fragment: give https://HOST/api/v3 and no more")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise Refused(f"{base_url}: a token isn't sent without encryption; give an https:// address")
    return base_url.rstrip("/")


def _of_gh(host: str) -> Token | None:
    program = shutil.which("gh")
    if program is None:
        return None
    command = [program, "auth", "token", "--hostname", host]
    try:
        answer = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_GH_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None  # gh is a convenience: without its answer there is no token, and that is said where one is needed
    secret = answer.stdout.decode("utf-8", "replace").strip()
    return _checked(secret, "gh auth token") if answer.returncode == 0 and secret else None


def _checked(secret: str, source: str) -> Token:
    # What a header can't hold would be quoted by the error of the library that refuses it.
    if not _WELL_FORMED.fullmatch(secret):
        raise Refused(f"{source} holds no token: it has blanks, line breaks or other characters that no token has")
    return Token(secret, source)
