"""What a run printed, kept within bounds."""

from __future__ import annotations

_KEPT = 4 << 20


class Capture:
    """Collects output: its first and last bytes are kept, all of it is counted.

    ``limit`` is the number of bytes from which on :attr:`full` is true and the run is to be stopped.
    """

    def __init__(self, limit: int, kept: int = _KEPT) -> None:
        self._limit = limit
        self._half = kept // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether more was printed than is allowed."""
        return self.count > self._limit

    def add(self, piece: bytes) -> None:
        """Take a piece of output."""
        self.count += len(piece)
        room = self._half - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:] if room < len(piece) else b""
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    def text(self) -> str:
        """Return what was kept, with a line in place of what was not."""
        tail = bytes(self._tail[-self._half :])
        left_out = self.count - len(self._head) - len(tail)
        middle = f"\n[{left_out} bytes left out]\n".encode() if left_out else b""
        return (bytes(self._head) + middle + tail).decode("utf-8", "replace")
