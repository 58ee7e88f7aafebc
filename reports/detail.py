"""How much a comment tells: all of it, or less where GitHub would not take it all."""

from __future__ import annotations

from dataclasses import dataclass

GITHUB_LIMIT = 65_536  # characters of one comment (GitHub answers "body is too long (maximum is 65536 characters)")


@dataclass(frozen=True)
class Detail:
    """The most of each thing that a comment shows; what is left out is counted in a note.

    ``text`` and ``code`` are characters of one text and of one quoted line, the others count items: findings that
    count, steps of one path of data, authorities told in full, notes, things not followed, events of the timeline,
    changed lines of one place.
    """

    findings: int = 60
    steps: int = 30
    quoted_steps: bool = True
    authorities: int = 3
    notes: int = 60
    not_followed: int = 60
    events: int = 300
    changed: int = 40
    text: int = 1500
    code: int = 120


LEVELS = (
    Detail(),
    Detail(events=60, notes=30, not_followed=20, changed=24),
    Detail(30, 12, True, 2, 12, 10, 20, 12, 600, 120),
    Detail(16, 8, False, 1, 6, 6, 0, 8, 400, 100),
    Detail(6, 5, False, 1, 3, 3, 0, 4, 200, 80),
    Detail(2, 2, False, 1, 1, 1, 0, 2, 80, 60),
)
"""From everything to what fits whatever a submission holds."""
