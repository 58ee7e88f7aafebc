"""What names of folders and files mean in any challenge's layout: discovery asks before it knows the challenge."""

from __future__ import annotations

from auditor.challenge.known import challenges


def is_archive(name: str) -> bool:
    """Tell whether a folder of that name holds tracks (``records``)."""
    return name in challenges().archives


def in_archive(path: str) -> bool:
    """Tell whether a path from the repository's root lies in an archive."""
    first, slash, _ = path.partition("/")
    return bool(slash) and is_archive(first)


def is_track(name: str) -> bool:
    """Tell whether a folder in an archive is a track by its name (``track_…``)."""
    return name.startswith(challenges().track_prefixes)


def is_metadata(name: str) -> bool:
    """Tell whether a file's name is that of a submission's claims (``submission.json``)."""
    return name in challenges().metadata_names


def is_default_script(name: str) -> bool:
    """Tell whether a file's name is that of a challenge's own train script (``train_gpt.py``)."""
    return name in challenges().script_names
