"""How a submission is run: the settings in play, and the value that each gives to a switch."""

from auditor.settings.bindings import lookup
from auditor.settings.play import settings_in_play

__all__ = ["lookup", "settings_in_play"]
