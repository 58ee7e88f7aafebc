"""``python -m auditor`` is ``golf-audit``."""

from auditor.cli import main

main()
