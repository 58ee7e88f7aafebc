"""``check --watch``: the audit again whenever files change, on one screen."""

from __future__ import annotations

import io
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

import click

from auditor.cli._extra import needs

_SETTLE = 400  # milliseconds without a change before the audit
_STEP = 100  # milliseconds between two looks


class Screen(io.StringIO):
    """Text that is kept until it is shown, for a stream that says whether it is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def isatty(self) -> bool:
        """Tell whether the stream is a terminal: the text is made for it."""
        return self._stream.isatty()

    def show(self, foot: str) -> None:
        """Write what fits on one screen in the place of what was there, and a line below it."""
        lines = self.getvalue().rstrip("\n").split("\n")
        if not self._stream.isatty():
            self._stream.write("\n".join([*lines, foot]) + "\n")
            self._stream.flush()
            return
        room = max(5, shutil.get_terminal_size((100, 40)).lines - 2)
        if len(lines) > room:
            # The verdict stands in the last line, the worst finding first.
            left = len(lines) - room + 1
            lines = [*lines[: room - 2], f"… {left} more lines; without --watch all of them are shown", lines[-1]]
        click.clear()
        self._stream.write("\n".join([*lines, "", foot]))
        self._stream.flush()


def watch(paths: Sequence[str], once: Callable[[TextIO], int], changes: Iterable[object] | None = None) -> int:
    """Audit once, and again after each of the ``changes`` (None: those of the files); return the last exit code.

    It ends with the changes, or when the user interrupts it.
    """
    code = 0
    for _ in _and_then(changes) if changes is not None else _of_files(paths):
        screen = Screen(sys.stdout)
        started = time.perf_counter()
        code = once(screen)
        took = time.perf_counter() - started
        watched = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        screen.show(f"{time.strftime('%H:%M:%S')}  audited in {took:.1f} s; watching {watched}, Ctrl-C ends it")
    return code


def _and_then(changes: Iterable[object]) -> Iterable[object]:
    yield None
    yield from changes


def _of_files(paths: Sequence[str]) -> Iterator[object]:
    """Yield once as soon as the files are watched, and whenever some changed: also while what follows is at work."""
    with needs("watch", "watchfiles"):
        import watchfiles
    # It would say on its own that it was interrupted.
    logging.getLogger("watchfiles").setLevel(logging.ERROR)
    changes = watchfiles.watch(
        *paths, debounce=_SETTLE, step=_STEP, rust_timeout=_STEP, yield_on_timeout=True, raise_interrupt=False
    )
    for number, changed in enumerate(changes):
        if changed or not number:
            yield changed
