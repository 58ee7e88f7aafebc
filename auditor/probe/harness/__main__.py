"""``python -m auditor.probe.harness RESULTS ORDERS SCRIPT [ARGUMENTS…]``, in the sandbox."""

from __future__ import annotations

import atexit
import json
import os
import sys
import traceback
import types
import warnings
from typing import Any

from auditor.smoke.harness import compiler, eager, paths
from auditor.smoke.harness.journal import Journal


def main() -> None:
    """Run the script to its end under the stand-ins, and write down what was observed."""
    results, orders_path, script, *arguments = sys.argv[1:]
    journal = Journal(results)
    journal.tell("begin")
    with open(orders_path, "rb") as source:  # noqa: PTH123
        orders = json.loads(source.read())
    os.remove(orders_path)  # noqa: PTH107
    paths.clean(os.path.dirname(script))  # noqa: PTH120
    warnings.simplefilter("ignore")
    eager.load_torch()
    compiler.install()
    import torch

    from auditor.probe.harness import clock, half, host, kernels, packed, still
    from auditor.probe.harness.observe import Observer
    from auditor.probe.harness.record import Record
    from auditor.probe.tokens import Draw
    from auditor.smoke.harness import cuda, devices, distributed, packages, processes, tokenizer
    from auditor.smoke.harness.blame import blame
    from auditor.smoke.harness.files import Files
    from auditor.smoke.harness.shards import Sets

    torch.set_num_threads(1)
    record = Record(f"{results}.trace", orders.get("perturb"))
    draw = Draw(**orders["draw"])

    def validation(size: int) -> Any:
        tokens = draw.tokens(size)
        record.expect(tokens)
        journal.once("vocabulary", size=size)
        return tokens

    packed.install()
    kernels.install(journal)
    packages.install(journal)
    tokenizer.install(journal)
    cuda.install(journal)
    distributed.install(journal)
    processes.install(journal)
    still.install()
    half.install()
    devices.install(journal, lambda on_cpu: Observer(record, on_cpu))
    host.install(record)
    clock.install()
    os.chdir(os.path.dirname(script))  # noqa: PTH120
    sets = Sets(validation, orders["bare"], train=orders["train"])
    Files(f"{os.environ['HOME']}/overlay", journal, sets).install()
    _at_the_end(record, journal)
    journal.tell("ready")
    try:
        _run(script, arguments, journal)
    except processes.Handed:
        pass
    except BaseException as error:
        if not (isinstance(error, SystemExit) and not error.code):
            traceback.print_exception(error)
            journal.tell("failed", **blame(error).facts())
    sys.stdout.flush()


def _at_the_end(record: Any, journal: Journal) -> None:
    """Write what was observed when this process ends, after all that the script does then, however it ends."""
    mine, leave = os.getpid(), os._exit

    def write() -> None:
        if os.getpid() == mine:
            record.write()
            if record.missed:
                journal.tell("cut", what=f"{record.missed} operations could not be looked at ({record.why})")
            journal.tell("end")

    def left(code: int) -> None:
        write()
        leave(code)

    atexit.register(write)
    os._exit = left  # type: ignore[assignment]


def _run(script: str, arguments: list[str], journal: Journal) -> None:
    from auditor.probe.harness.shorten import shortened
    from auditor.smoke.harness import sources

    def short(source: Any, name: str) -> Any:
        tree, told = shortened(sources.readable(source, name), name)
        for each in told:
            journal.tell("cut", what=each)
        return tree

    sources.install(short)
    sys.argv = [script, *arguments]
    main_module = types.ModuleType("__main__")
    main_module.__file__ = script
    main_module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main_module
    with open(script, "rb") as source:  # noqa: PTH123
        tree = short(source.read(), script)
    exec(compile(tree, script, "exec", dont_inherit=True), main_module.__dict__)


if __name__ == "__main__":
    main()
