"""Compiled code whose source lies in the submission."""

from auditor.timeline.trackers.native.compiled import Sources

TRACKERS = (Sources,)
