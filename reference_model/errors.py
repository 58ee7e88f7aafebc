"""What goes wrong before or during a run, told to a person in one line."""

from __future__ import annotations


class BadInput(Exception):  # noqa: N818 (it says what the input is)
    """Something given to the trainer can't be used: the text is one line that names it and says what to do.

    The command line prints the line and ends with exit code 2, before any long work starts.
    """


class RunFailed(Exception):  # noqa: N818 (it says what happened)
    """A run that had begun can't go on (NaN loss, full disk, lost rank): one line; nothing half-written is left."""


class Interrupted(Exception):  # noqa: N818 (it says what happened)
    """Training was told to stop by the signal ``number``; the text says where its checkpoint is."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell reports for a process that the signal ended: 128 and the signal's number."""
        return 128 + self.number
