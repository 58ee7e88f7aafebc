"""How a submission is run: the settings in play, and the value that each gives to a switch."""

from auditor.settings.bindings import lookup
from auditor.settings.play import TOLD, documented_runs, is_incidental, settings_in_play

__all__ = ["TOLD", "documented_runs", "is_incidental", "lookup", "settings_in_play"]
