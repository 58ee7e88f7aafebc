"""A forward pass, followed for one question: whether a position's output knows later positions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.trackers.forwards import calls, grids, spectra, tuples
from auditor.timeline.trackers.forwards.axes import NOTHING, Mixed, Several, Size, Tensor, blended, either, multiplied
from auditor.timeline.trackers.forwards.grids import Grid
from auditor.timeline.trackers.forwards.held import compared, counted, plain
from auditor.timeline.trackers.forwards.spectra import Kernel, Spectrum, Unrolled
from auditor.timeline.values.frames import ModuleScope, Site
from auditor.timeline.values.payloads import Function, Heap

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_DEPTH = 7
_STEPS = 20_000


class Pass:
    """One forward pass: ``found`` is what reaches its result."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.found: list[Mixed] = []
        self.steps = 0
        self.open = 0  # conditions in progress that could not be decided
        self.draws = False  # something is drawn at random in it, or tokens are replaced: perhaps a denoiser
        self.known: dict[tuple[object, ...], object] = {}  # what calls gave, by all that decides it

    def run(self, heap: Heap, method: str, given: list[object], named: dict[str, object], depth: int = 0) -> object:
        """Return what ``heap.method(…)`` gives; the same again is not followed again (a layer in every round)."""
        each = (*given, *named.values())
        if not all(value is None or value is NOTHING or isinstance(value, Tensor | Heap | bool) for value in each):
            return self._run(heap, method, given, named, depth)
        said = tuple(value if isinstance(value, Tensor) else id(value) for value in each)
        key = (id(heap), method, depth, self.open > 0, said, tuple(named))
        if key not in self.known:
            self.known[key] = self._run(heap, method, given, named, depth)
        return self.known[key]

    def _run(self, heap: Heap, method: str, given: list[object], named: dict[str, object], depth: int) -> object:
        function = heap.cls.find(method) if heap.cls is not None else None
        replaced = heap.attrs.get(method)
        if replaced is not None or function is None or not isinstance(function.p, Function) or depth > _DEPTH:
            return blended([v for v in given if isinstance(v, Tensor)]) if given else None
        node = function.p.node
        if not isinstance(node, ir.FunctionDef):
            return None
        params = [p.name for p in node.params if p.kind == "pos"]
        names: dict[str, object] = dict(zip(params, (heap, *given), strict=False))
        names |= {param.name: named[param.name] for param in node.params if param.name in named}
        body = Body(self, function.p.scope, names, depth)
        body.defaults(node)
        body.block(node.body)
        return body.result()


class Body:
    """The statements of one function."""

    def __init__(self, owner: Pass, scope: ModuleScope, names: dict[str, object], depth: int) -> None:
        self.owner = owner
        self.scope = scope
        self.names = names
        self.depth = depth
        self.returned: list[object] = []
        self.yielded: list[object] = []  # by a generator

    def result(self) -> object:
        """Return what is returned, whichever way, or what a generator yields."""
        if self.yielded:
            return Several(tuple(self.yielded))
        if len(self.returned) == 1:
            return self.returned[0]
        tensors = [v for v in self.returned if isinstance(v, Tensor)]
        return either(list(tensors)) if tensors else (self.returned[-1] if self.returned else None)

    def defaults(self, node: ir.FunctionDef) -> None:
        """Give the parameters that were not passed their defaults, where these are constants."""
        for param in node.params:
            if isinstance(param.default, ir.Const | ir.UnaryOp) and param.name not in self.names:
                self.names[param.name] = self.eval(param.default)

    # ---------------------------------------------------------------- statements

    def block(self, body: tuple[ir.Stmt, ...]) -> bool:
        """Follow statements; return whether they may go on."""
        for node in body:
            self.owner.steps += 1
            if self.owner.steps > _STEPS:
                return False
            if type(node) is ir.Return:
                self.returned.append(self.eval(node.value) if node.value is not None else None)
                return False
            if isinstance(node, ir.Raise | ir.Jump):
                return False
            if type(node) is ir.Assign and node.value is not None:
                value = self.eval(node.value)
                for target in node.targets:
                    self.bind(target, value)
            elif type(node) is ir.AugAssign:
                old = self.eval(node.target)
                self.bind(node.target, self.binary(node.op, old, self.eval(node.value), node))
            elif type(node) is ir.ExprStmt:
                self.eval(node.value)
            elif type(node) is ir.If:
                if not self.branch(node):
                    return False
            elif type(node) is ir.For:
                item = self.eval(node.iter)
                if isinstance(item, Heap):
                    item = self.element(item)
                self.bind(node.target, item.items[0] if isinstance(item, Several) and item.items else item)
                self.forget(counted(node.body))
                self.block(node.body)
                self.block(node.body)
            elif isinstance(node, ir.While | ir.With | ir.Try):
                self.forget(counted(node.body) if type(node) is ir.While else ())
                self.block(node.body)
        return True

    def forget(self, names: Iterable[str]) -> None:
        """Forget the numbers that a loop counts on."""
        self.names.update({name: math.nan for name in names if isinstance(self.names.get(name), int | float)})

    def branch(self, node: ir.If) -> bool:
        """Follow the branches of a condition that may be taken."""
        truth = self.truth(node.test)
        if truth is not None:
            return self.block(node.body if truth else node.orelse)
        before = dict(self.names)
        self.owner.open += 1
        goes = self.block(node.body)
        after = dict(self.names)
        self.names.clear()
        self.names.update(before)
        other = self.block(node.orelse)
        self.owner.open -= 1
        if goes:
            for name, value in after.items():
                old = self.names.get(name)
                if isinstance(value, Tensor) and (not isinstance(old, Tensor) or not other):
                    self.names[name] = value
                elif isinstance(value, Tensor) and isinstance(old, Tensor) and (value.leak or value.pooled):
                    self.names[name] = replace(old, leak=old.leak or value.leak, pooled=old.pooled or value.pooled)
                elif old is None:
                    self.names[name] = value
        return goes or other

    def bind(self, target: ir.Expr, value: object) -> None:
        """Assign a value to a target."""
        if isinstance(target, ir.Name):
            self.names[target.id] = value
        elif isinstance(target, ir.Sequence):
            for at, part in enumerate(target.elts):
                items = value.items if isinstance(value, Several) else ()
                one = value if isinstance(value, Tensor) else None
                self.bind(part, items[at] if at < len(items) else one)
        elif isinstance(target, ir.Subscript) and isinstance(target.value, ir.Name):
            old = self.names.get(target.value.id)
            if isinstance(old, Tensor):
                self.names[target.value.id] = blended([old, value], old.axes)

    def truth(self, test: ir.Expr) -> bool | None:
        """Return whether a condition holds at evaluation, None where that is not known."""
        if isinstance(test, ir.UnaryOp) and test.op == "not":
            inner = self.truth(test.operand)
            return None if inner is None else not inner
        if isinstance(test, ir.BoolOp):
            each = [self.truth(v) for v in test.values]
            decides = test.op != "and"
            return decides if decides in each else (None if None in each else not decides)
        if isinstance(test, ir.Attr) and test.attr == "training":
            return False
        value = self.eval(test)
        if isinstance(value, bool | int | float | str) and not (isinstance(value, float) and math.isnan(value)):
            return bool(value)
        if isinstance(test, ir.Compare) and len(test.ops) == 1 and test.ops[0] in ("is", "is not", "==", "!="):
            left, right = self.eval(test.left), test.rights[0]
            if isinstance(right, ir.Const) and right.value is None:
                if left is NOTHING:
                    return test.ops[0] in ("is", "==")
                if isinstance(left, Tensor | Heap | Several | Grid | bool | int | float | str):
                    return test.ops[0] in ("is not", "!=")
        return None

    # ---------------------------------------------------------------- expressions

    def mixed(self, node: ir.Node, what: str = "a product over the positions") -> Mixed:
        """Return the words for what happens at ``node``."""
        return Mixed(Site(self.scope.source, node.start, node.end), what, not self.owner.open)

    def eval(self, node: ir.Expr) -> object:
        """Return what an expression is, as far as it matters here."""
        self.owner.steps += 1
        if type(node) is ir.Name:
            if node.id in self.names:
                return self.names[node.id]
            constant = plain(self.scope.names.get(node.id))
            return constant if isinstance(constant, bool | int | float | str) else None
        if type(node) is ir.Const:
            return NOTHING if node.value is None else node.value
        if type(node) is ir.Attr:
            return self.attribute(node)
        if type(node) is ir.Call:
            return self.call(node)
        if type(node) is ir.BinOp:
            return self.binary(node.op, self.eval(node.left), self.eval(node.right), node)
        if type(node) is ir.UnaryOp:
            value = self.eval(node.operand)
            if isinstance(value, Grid):
                return grids.inverted(value) if node.op == "~" else grids.combined("*", value, -1)
            return -value if node.op == "-" and isinstance(value, int | float) else value
        if type(node) is ir.Subscript:
            base = self.eval(node.value)
            if isinstance(base, Several):
                return tuples.item(base, node.index, self.eval)
            if isinstance(base, Kernel | Spectrum | Unrolled):
                return spectra.sliced(base, node.index, self.mixed(node), self.eval)
            if isinstance(base, Tensor):
                return calls.sliced(base, node.index, self.mixed(node), self.eval)
            if isinstance(base, Grid):
                return grids.sliced(base, node.index)
            if isinstance(base, Heap):
                return self.element(base)
            index = self.eval(node.index)
            if isinstance(index, Tensor):  # a table of parameters
                return calls.embedded(index)
            return None
        if type(node) is ir.Sequence:
            return Several(tuple(self.eval(e) for e in node.elts))
        if type(node) is ir.IfExp:
            truth = self.truth(node.test)
            if truth is not None:
                return self.eval(node.body if truth else node.orelse)
            self.owner.open += 1
            both = [self.eval(node.body), self.eval(node.orelse)]
            self.owner.open -= 1
            return either(both) if any(isinstance(v, Tensor) for v in both) else None
        if type(node) is ir.Yield:
            value = self.eval(node.value) if node.value is not None else None
            self.yielded += value.items if node.kind == "from" and isinstance(value, Several) else [value]
            return None
        if type(node) is ir.NamedExpr:
            value = self.eval(node.value)
            self.bind(node.target, value)
            return value
        if type(node) is ir.Compare:
            values = [self.eval(node.left), *(self.eval(r) for r in node.rights)]
            grid = grids.combined(node.ops[0], values[0], values[1]) if len(values) == 2 else None
            if grid is not None:
                return grid
            return blended(values) if any(isinstance(v, Tensor) for v in values) else compared(node.ops, values)
        return None

    def binary(self, op: str, left: object, right: object, node: ir.Node) -> object:
        """Return an arithmetic operation."""
        if op == "@" and isinstance(left, Tensor) and isinstance(right, Tensor):
            return multiplied(left, right, self.mixed(node))
        joined = spectra.product(op, left, right, self.mixed(node))
        if joined is not None:
            return joined
        values = [v for v in (left, right) if isinstance(v, Tensor)]
        if not values:
            plain = grids.combined(op, left, right) or calls.number(op, left, right)
            return spectra.number(op, left, right) if plain is None else plain
        out = blended(list(values))
        attended = out.axes is not None and "S" in out.axes and op in ("+", "*")
        added = next((v for v in (left, right) if isinstance(v, Grid)), None)
        if attended and added is not None and op == "+" and grids.looks_ahead(added):
            return out
        plain = all(isinstance(v, Tensor | int | float) for v in (left, right))
        return replace(out, masked=True) if attended and not plain else out

    def attribute(self, node: ir.Attr) -> object:
        """Return an attribute: of a module what it holds, of a tensor its sizes or views."""
        if node.attr == "training":
            return False  # as at evaluation
        base = self.eval(node.value)
        if node.attr == "inf" and base is None:
            return math.inf
        if isinstance(base, Heap):
            found = base.attrs.get(node.attr)
            if found is None and base.cls is not None:
                found = base.cls.find(node.attr)
            return plain(found)
        if isinstance(base, Tensor):
            if node.attr == "shape":
                return Several(tuple(Size(a) for a in base.axes)) if base.axes is not None else None
            if node.attr in ("T", "mT") and base.axes is not None and len(base.axes) > 1:
                return replace(base, axes=(*base.axes[:-2], base.axes[-1], base.axes[-2]))
            return base if node.attr in ("values", "data", "real") else None
        if isinstance(base, Several) and node.attr in ("values", "indices") and len(base.items) == 2:
            return base.items[node.attr == "indices"]
        return None

    def element(self, heap: Heap) -> object:
        """Return any module of a container."""
        if heap.element is not None:
            return plain(heap.element)
        return plain(heap.items[0]) if heap.items else None

    def call(self, node: ir.Call) -> object:
        """Return what a call gives."""
        given = [self.eval(a.value) for a in node.args if a.keyword is None]
        keywords: dict[str, object] = {a.keyword: self.eval(a.value) for a in node.args if a.keyword is not None}
        func = node.func
        name = func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""
        mixed = self.mixed(node)
        transformed = spectra.function(name, given, keywords, mixed)
        if transformed is not None:
            return transformed
        given = [spectra.spread(v, mixed) for v in given]
        if name.startswith(("rand", "bernoulli")) or calls.replaces(name, given, func, self.eval):
            self.owner.draws = True
        if isinstance(func, ir.Attr):
            base = self.eval(func.value)
            if isinstance(base, Heap):
                return self.of_module(base, func.attr, given, keywords, node)
            if isinstance(base, Kernel | Spectrum | Unrolled):
                return spectra.function(func.attr, [base, *given], keywords, mixed)
            if isinstance(base, Tensor | Several | Grid):
                return calls.function(func.attr, [base, *given], keywords, mixed)
            if func.attr == "sqrt" and isinstance(func.value, ir.Name) and func.value.id == "math":
                return math.nan
            return self.checked(func.attr, given, keywords, node)
        called = self.eval(func)
        if isinstance(called, Heap):
            return self.apply(called, given, keywords, node)
        own = self.scope.names.get(name)
        if own is not None and isinstance(own.p, Function) and isinstance(own.p.node, ir.FunctionDef):
            return self.own(own.p, given, keywords)
        if name == "float" and given and isinstance(given[0], str) and given[0].strip("+-") in ("inf", "Infinity"):
            return -math.inf if given[0][0] == "-" else math.inf
        if name == "bool" and len(given) == 1 and isinstance(given[0], bool | int):
            return bool(given[0])
        if name in tuples.NAMES:
            items = given[0] if given and isinstance(given[0], Heap) else None
            found = tuples.function(name, node, given, self.element(items) if items is not None else None, self.eval)
            if found is not None:
                return found
        return self.checked(name, given, keywords, node)

    def checked(self, name: str, given: list[object], keywords: dict[str, object], node: ir.Node) -> object:
        """Return a library's function; what is judged by a loss must know nothing of later positions."""
        if (
            name in ("cross_entropy", "nll_loss")
            and given
            and isinstance(given[0], Tensor)
            and (later := given[0].knows_later) is not None
        ):
            self.owner.found.append(later)
            return None
        if name in ("cross_entropy", "nll_loss"):
            return None
        return calls.function(name, [*given], keywords, self.mixed(node))

    def own(self, function: Function, given: list[object], keywords: dict[str, object]) -> object:
        """Return what a function of the program gives."""
        node = function.node
        if self.depth > _DEPTH or not isinstance(node, ir.FunctionDef):
            return None
        params = [p.name for p in node.params if p.kind == "pos"]
        names = dict(zip(params, given, strict=False)) | {k: v for k, v in keywords.items() if k is not None}
        body = Body(self.owner, function.scope, names, self.depth + 1)
        body.defaults(node)
        body.block(node.body)
        return body.result()

    def of_module(
        self, heap: Heap, name: str, given: list[object], keywords: dict[str, object], node: ir.Node
    ) -> object:
        """Return what a method of a module gives, or a module that it holds."""
        held = heap.attrs.get(name)
        if held is not None and isinstance(held.p, Heap):
            return self.apply(held.p, given, keywords, node)
        if heap.cls is not None and heap.cls.find(name) is not None:
            return self.owner.run(heap, name, given, keywords, self.depth + 1)
        return None

    def apply(self, heap: Heap, given: list[object], keywords: dict[str, object], node: ir.Node) -> object:
        """Return what a module, applied, gives."""
        if heap.cls is not None and heap.cls.find("forward") is not None:
            return self.owner.run(heap, "forward", given, keywords, self.depth + 1)
        name = heap.name.rpartition(".")[2]
        if name in ("Sequential", "ModuleList") and heap.element is not None and isinstance(heap.element.p, Heap):
            return self.apply(heap.element.p, given, keywords, node)
        return calls.module(name, given, keywords, self.mixed(node), {k: plain(v) for k, v in heap.made_with.items()})
