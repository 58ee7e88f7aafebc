"""The code of a submission as text: what it may run, in every layer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.program.source import Source
from auditor.program.unpack import decode_text
from auditor.submission.model import Unread

_MAX_FILE = 1024 * 1024


def code_of(case: Case) -> Iterator[Source]:
    """Yield the code that the submission may run: script and modules in every layer, other code, run scripts."""
    read: set[str] = set()
    if case.program is not None:
        for unit in case.program.units.values():
            read.add(unit.path)
            for source in unit.sources:
                # What wraps packed bytes may hold them raw; they are no text to be shown.
                yield source if source is unit.source and unit.module is not None else _text_only(source)
        for path, source in case.program.native.items():
            read.add(path)
            yield source
    for path in (*case.submission.helpers, *case.submission.shells):
        if path in read:
            continue
        try:
            data = case.submission.tree.read(path, _MAX_FILE)
        except Unread:
            continue
        if b"\0" not in data:
            yield Source(path, decode_text(data)[0])


def _text_only(source: Source) -> Source:
    """Return a layer with the characters blanked that raw bytes can decode to."""
    return Source(source.path, re.sub("[\u0000-\u0009\u000b-\u001f\u007f-\u00ff]", " ", source.text), source.layer)
