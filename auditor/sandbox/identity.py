"""As whom a stranger's code runs: never as the user root, whose files and kernel settings no namespace takes away."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

_FIRST, _LAST = 61184, 65519
"""Ids that systemd reserves for services that get one for their lifetime: https://systemd.io/UIDS-GIDS/"""


@dataclass(frozen=True)
class Identity:
    """``uid`` and group id that the run gets outside any user namespace; None: those of the user who called."""

    uid: int | None

    @property
    def of_root(self) -> bool:
        """Whether root prepares the sandbox itself, without a user namespace, and hands down to ``uid``."""
        return self.uid is not None


def identity() -> Identity:
    """Return an id that nobody has where root calls, so that root's own never gets in; else the caller's.

    Root of a container that maps no other id is an ordinary user for the kernel, and taken for one.
    """
    if os.geteuid() != 0 or not _mapped():
        return Identity(None)
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    span = _LAST - _FIRST + 1
    start = os.getpid() % span
    return Identity(next(uid for uid in (_FIRST + (start + n) % span for n in range(span)) if uid not in taken))


def handing_down(who: Identity) -> list[str]:
    """Return what a command is started with inside, so that it owns nothing there and can't become who prepared it.

    Root's turns into another user. A user's enters a user namespace of its own, from which the processes that prepared
    the sandbox, though the same user's, can't be traced or written to.
    """
    nothing = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    if who.uid is not None:
        return ["setpriv", f"--reuid={who.uid}", f"--regid={who.uid}", "--clear-groups", *nothing]
    nobody = ["--map-user=65534", "--map-group=65534", "--keep-caps"]
    return ["unshare", "--user", *nobody, "setpriv", *nothing]


def _mapped() -> bool:
    """Tell whether this user namespace has all of the ids."""
    try:
        lines = Path("/proc/self/uid_map").read_text("ascii").splitlines()
    except OSError:
        return False
    spans = [(int(inside), int(count)) for inside, _, count in (line.split() for line in lines)]
    return any(inside <= _FIRST and inside + count > _LAST for inside, count in spans)
