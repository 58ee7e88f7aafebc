"""How a submission is run: the settings in play, and the value that each gives to a switch."""

from auditor.settings.bindings import lookup
from auditor.settings.play import documented_runs, settings_in_play

__all__ = ["documented_runs", "lookup", "settings_in_play"]
