"""README shows the report that its command prints, unedited. ``make readme`` brings it up to date."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- report -->\n```text\n)(.*?)(\n```\n)", re.S)
COMMAND = re.compile(r"^\$ golf-audit (check .*)$", re.M)


def printed(readme: str) -> str:
    """Return what README's command prints into a pipe."""
    arguments = COMMAND.search(readme)[1].split()
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "auditor", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


def test_the_report_is_real():
    readme = README.read_text("utf-8")
    assert BLOCK.search(readme)[2] == printed(readme), "README's report is out of date: run `make readme`"


if __name__ == "__main__":
    text = README.read_text("utf-8")
    report = printed(text)
    README.write_text(BLOCK.sub(lambda match: match[1] + report + match[3], text), "utf-8")
