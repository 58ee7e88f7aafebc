"""Where a script reaches out of the machine."""
