"""Conditions that pick files of one split by a word in their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.values.atoms import LISTING, TRAIN, VAL
from auditor.timeline.values.folding import split_of_word
from auditor.timeline.values.payloads import External, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def pick_files(machine: Machine, test: ir.Expr, *, taken: bool = True) -> None:
    """Where ``test`` picks files of one split by a word in their names, let the name it tests say so.

    ``taken``: whether the test holds here; where it doesn't, the files of that split are left out.
    """
    while type(test) is ir.UnaryOp and test.op == "not":
        test, taken = test.operand, not taken
    if type(test) is ir.BoolOp:
        if test.op == ("and" if taken else "or"):
            for operand in test.values:
                pick_files(machine, operand, taken=taken)
        return
    word: ir.Expr | None = None
    subject: ir.Expr | None = None
    if type(test) is ir.Compare and test.ops in (("in",), ("not in",)):
        word, subject = test.left, test.rights[0]
        taken ^= test.ops == ("not in",)
    elif type(test) is ir.Call and type(test.func) is ir.Attr and test.func.attr in _NAME_TESTS:
        given = [arg.value for arg in test.args]
        if len(given) == 1:
            word, subject = given[0], test.func.value
        elif len(given) == 2:  # fnmatch(name, pattern), re.search(pattern, name)
            word, subject = given if isinstance(given[0], ir.Const) else given[::-1]
    if type(word) is not ir.Const or not isinstance(word.value, str) or subject is None:
        return
    while type(subject) is not ir.Name:
        if type(subject) is ir.Attr:
            subject = subject.value
        elif type(subject) is ir.Call and type(subject.func) is ir.Attr and not _of_a_module(machine, subject):
            subject = subject.func.value
        elif type(subject) is ir.Call and len(subject.args) == 1:
            subject = subject.args[0].value
        else:
            return
    value = machine.lookup(subject.id)
    if value is None or not value.m & LISTING:
        return
    split, known = split_of_word(word.value), value.m & (VAL | TRAIN)
    if taken and not known:
        machine.rebind(subject.id, Value(value.p, value.m | split))
    elif split in (VAL, TRAIN) and known & VAL and known & TRAIN:
        left = known & split if taken else known & ~split
        machine.rebind(subject.id, Value(value.p, value.m & ~(VAL | TRAIN) | left))


_NAME_TESTS = frozenset({"startswith", "endswith", "match", "search", "fullmatch", "fnmatch", "fnmatchcase"})


def _of_a_module(machine: Machine, call: ir.Call) -> bool:
    """Return whether a module's function is called (``os.path.basename(name)``): its argument is what is looked at."""
    root = call.func
    while isinstance(root, ir.Attr):
        root = root.value
    found = machine.lookup(root.id) if isinstance(root, ir.Name) else None
    return found is not None and isinstance(found.p, External)
