"""``python -m auditor.smoke.harness RESULTS SCRIPT [ARGUMENTS…]``, in the sandbox."""

from __future__ import annotations

import os
import sys
import traceback
import types
import warnings

from auditor.smoke.harness import eager, paths
from auditor.smoke.harness.journal import Journal


def main() -> None:
    """Run the script under the stand-ins, and tell how far it came."""
    results, script, *arguments = sys.argv[1:]
    journal = Journal(results)
    journal.tell("begin")
    paths.clean(os.path.dirname(script))  # noqa: PTH120
    warnings.simplefilter("ignore")
    eager.load_torch()
    from auditor.smoke.harness import cuda, devices, distributed, packages, processes, tokenizer
    from auditor.smoke.harness.blame import blame
    from auditor.smoke.harness.files import Files
    from auditor.smoke.harness.probe import Probe

    packages.install(journal)
    tokenizer.install(journal)
    cuda.install(journal)
    distributed.install(journal)
    processes.install(journal)
    probe = Probe(journal)
    probe.install()
    devices.install(journal)
    os.chdir(os.path.dirname(script))  # noqa: PTH120
    Files(f"{os.environ['HOME']}/overlay", journal).install()
    journal.tell("ready")
    try:
        _run(script, arguments)
    except processes.Handed:
        journal.once("imported")
    except BaseException as error:
        traceback.print_exception(error)
        found = blame(error)
        model = probe.largest()
        if found.stage != "import" or model is not None:
            journal.once("imported")
        if model is not None and found.stage != "model":
            probe.tell_model(None, model)
        journal.tell("failed", **found.facts())
    else:
        journal.once("imported")
    journal.tell("end")
    sys.stdout.flush()
    os._exit(0)


def _run(script: str, arguments: list[str]) -> None:
    from auditor.smoke.harness import sources

    sources.install()
    sys.argv = [script, *arguments]
    main_module = types.ModuleType("__main__")
    main_module.__file__ = script
    main_module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main_module
    with open(script, "rb") as source:  # noqa: PTH123
        code = compile(sources.readable(source.read(), script), script, "exec", dont_inherit=True)
    exec(code, main_module.__dict__)


if __name__ == "__main__":
    main()
