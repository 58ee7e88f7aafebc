"""``python -m auditor.reproduce.stand_ins JOURNAL SCRIPT [ARGUMENTS…]``: a whole run on a CPU, in the sandbox.

The harness of ``smoke`` stands in for CUDA, fused kernels and the process group; data and tokenizer are real. What was
stood in for is told to JOURNAL, and a score from here can't confirm a claim.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
import warnings


def main() -> None:
    """Run the script to its own end, under the stand-ins."""
    journal_path, script, *arguments = sys.argv[1:]
    folder = os.path.dirname(script)  # noqa: PTH120
    from auditor.smoke.harness import paths

    paths.clean(folder)
    warnings.simplefilter("ignore")
    from auditor.smoke.harness import cuda, devices, distributed, packages, processes
    from auditor.smoke.harness.journal import Journal

    journal = Journal(journal_path)
    packages.install(journal)
    cuda.install(journal)
    distributed.install(journal)
    processes.install(journal)
    devices.install(journal)
    os.chdir(folder)
    module = types.ModuleType("__main__")
    module.__file__ = script
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    sys.argv = [script, *arguments]
    with open(script, "rb") as source:  # noqa: PTH123
        code = compile(source.read(), script, "exec", dont_inherit=True)
    with contextlib.suppress(processes.Handed):  # it ran another script instead, which has ended
        exec(code, module.__dict__)


if __name__ == "__main__":
    main()
