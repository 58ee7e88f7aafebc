"""Whatever a script is turned into, the audit comes to an end, and none of its own parts fails on the way.

Mutants of the rules' examples for a few seconds; ``make fuzz`` for minutes, with CLONE and PRS (see
``test_real_scripts.py``) on scripts of others: GOLF_AUDIT_FUZZ is the number of seconds, GOLF_AUDIT_SEED where the
random numbers begin. A failure names the mutant's number; ``python tests/transforms/test_mutants.py NUMBER`` prints it.
"""

import ast
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from audited import Script, of_examples, of_others
from judged import with_script
from mutations import mutant

from auditor.check import audit
from reports.schema import to_json

SECONDS = float(os.environ.get("GOLF_AUDIT_FUZZ", "0"))
SEED = int(os.environ.get("GOLF_AUDIT_SEED", "0"))
IN_CI = 24
HANGS = 120  # seconds of the processor for one audit; the longest of a real script takes a tenth


class TooLong(BaseException):
    """One audit doesn't come to an end."""


@functools.cache
def scripts() -> list[Script]:
    return of_others() or of_examples()


def mutated(number: int) -> Script:
    """Return the mutant of that number: always the same one, for the same scripts."""
    random = Random(number)
    base, other = random.choice(scripts()), random.choice(scripts())
    return Script(base.submission, mutant(base.source, other.source, random))


@contextmanager
def limited() -> Iterator[None]:
    def ended(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, ended)
    signal.setitimer(signal.ITIMER_PROF, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def wrong(script: Script) -> str:
    """Return what is wrong with the audit of a script; empty when nothing is."""
    try:
        with limited():
            report = audit(with_script(script.submission, script.source))
            text = json.dumps(to_json(report))
    except (Exception, TooLong) as error:
        return f"{type(error).__name__}: {error}"
    if report.failures or "golf-audit failed here" in text:
        return "; ".join(f"{each.path}:{each.line}: {each.part}: {each.error!r}" for each in report.failures) or text
    try:
        ast.parse(script.source)
    except (SyntaxError, ValueError):
        return "a script that doesn't parse is CLEAN" if report.compliance.value == "CLEAN" else ""
    return ""


@pytest.mark.parametrize("number", range(SEED, SEED + IN_CI))
def test_a_mutant_of_an_example(number: int) -> None:
    assert not wrong(mutated(number))


@pytest.mark.skipif(not SECONDS, reason="GOLF_AUDIT_FUZZ is not set")
def test_mutants_for_as_long_as_asked() -> None:
    end = time.monotonic() + SECONDS
    number, found = SEED + IN_CI, {}
    while time.monotonic() < end:
        if said := wrong(mutated(number)):
            found[number] = said
            print(f"{number}: {said}", file=sys.__stderr__, flush=True)
        number += 1
    print(f"{number - SEED} mutants", file=sys.__stderr__, flush=True)
    assert not found


if __name__ == "__main__":
    sys.stdout.write(mutated(int(sys.argv[1])).source)
