"""``python driver.py``: one request from standard input, its outcome to standard output; as whoever it is started.

It needs the standard library and ``auditor.sandbox`` only, so that any interpreter that a user has can run it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from auditor.sandbox import Limits, NoSandbox, Request, Results, run


def main() -> None:
    """Run it."""
    wanted = json.load(sys.stdin)
    request = Request(
        (sys.executable, "-I", "-S", "-c", wanted["code"], *wanted["arguments"]),
        Path(wanted["scratch"]),
        environment=wanted["environment"],
        limits=Limits(**wanted["limits"]),
        gpu=wanted["gpu"],
    )
    left: dict[str, object] = {}

    def collect(results: Results) -> None:
        left["files"] = [[file.path, file.size] for file in results.files()]
        for name in wanted["read"]:
            data = results.read(name, 100)
            left[name] = None if data is None else data.decode("latin-1")

    print("started", flush=True)
    try:
        outcome = asdict(run(request, use=wanted["use"], collect=collect))
    except NoSandbox as error:
        outcome = {"refused": str(error)}
    print(json.dumps({**outcome, "left": left}))


if __name__ == "__main__":
    main()
