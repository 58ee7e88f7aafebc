"""A small interpreter for wrappers: it evaluates what decodes, on plain data only, and executes nothing.

Whatever it does not know makes the expression's value unknown, with the place and the reason; a wrapper
never reaches the real interpreter, file system, environment or network.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct, field

from auditor.program.unpack import library, registry
from auditor.program.unpack.builtin_calls import text_of
from auditor.program.unpack.file_calls import handle_method, join_paths, path_attribute
from auditor.program.unpack.methods import (
    Work,
    binary,
    bounded,
    call_method,
    compare,
    has_method,
    is_plain,
    simple,
    size_of,
)
from auditor.program.unpack.model import LaterCall, Refused
from auditor.program.unpack.values import (
    ROOT,
    Archive,
    Bound,
    Cannot,
    Code,
    Decoder,
    Decompressor,
    Files,
    Function,
    Handle,
    ModuleValue,
    Namespace,
    PathValue,
    Ref,
    Step,
    Unknown,
)

_MAX_DEPTH: Final = 80  # nested statements, expressions and calls; well within Python's own stack
_MAX_TRAIL: Final = 24
_MAX_LOOP: Final = 200_000


class Run(Struct, frozen=True):
    """Source that the wrapper runs: its bytes (or why not), and where.

    ``statement`` is the module-level statement under way, ``call`` the node that runs it. ``namespace`` is
    "main" for code that takes the wrapper's place, "module" for a made module's, "other" for a private one.
    """

    source: bytes | None
    why: Cannot | None
    how: tuple[Step, ...]
    statement: ast.stmt
    call: ast.AST
    namespace: str
    name: str = ""  # the made module's name, or the path of the file that runs
    runs_as: str = "__main__"  # what ``__name__`` is there
    later: list[LaterCall] = field(default_factory=list)  # what the wrapper calls of it afterwards


class _Return(Exception):  # noqa: N818 (control flow)
    """``return``, with its value."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Leave(Exception):  # noqa: N818 (control flow)
    """``break`` (``again`` False) or ``continue``."""

    def __init__(self, again: bool) -> None:
        super().__init__()
        self.again = again


class Interpreter:
    """Follows a layer's module-level statements; ``runs``, ``environ`` and ``files`` hold what came of it."""

    def __init__(
        self, path: str, files: Files, work: Work, inherited: dict[str, Any], runs_as: str = "__main__"
    ) -> None:
        self.files = files
        self.work = work
        self.environ: dict[str, str] = {}
        self.runs: list[Run] = []
        self.called: set[ast.AST] = set()
        self.blocked: list[Cannot] = []  # decodings that failed
        self.modules: dict[int, tuple[ModuleValue, list[LaterCall]]] = {}  # modules whose code a loader has run, by id
        self.namespaces: dict[int, tuple[dict[Any, Any], ModuleValue]] = {}  # dictionaries that code has run in, by id
        self.file = path if path.startswith("/") else f"{ROOT}/{path}"
        self.globals: dict[str, Any] = {**inherited, "__file__": self.file, "__name__": runs_as}
        self._scopes: tuple[dict[str, Any], ...] = (self.globals,)
        self._trail: dict[int, tuple[Any, tuple[Step, ...]]] = {}
        self._depth = 0
        self._statement: ast.stmt = ast.Pass()

    # What was done to a value

    def how(self, *values: Any) -> tuple[Step, ...]:
        """Return the decodings that the values have been through, in order."""
        chains: list[tuple[Step, ...]] = []
        for value in values:
            if isinstance(value, Handle):
                found = value.how
            elif isinstance(value, Code):
                found = self.how(value.source)
            else:
                found = self._trail.get(id(value), (None, ()))[1]
            if found and found not in chains:
                chains.append(found)
        return tuple(step for chain in chains for step in chain)[:_MAX_TRAIL]

    def made(self, value: Any, step: Step | str | None, *sources: Any) -> Any:
        """Return ``value``, remembering that it came from ``sources`` by way of ``step``."""
        how = self.how(*sources)
        if step is not None:
            how = (*how[: _MAX_TRAIL - 1], Step(step) if isinstance(step, str) else step)
        self.keep(value, how)
        return value

    def keep(self, value: Any, how: tuple[Step, ...]) -> None:
        """Remember the decodings of a value."""
        if how and isinstance(value, (str, bytes, bytearray, list, tuple, dict)) and len(value) > 1:
            self._trail[id(value)] = (value, how)  # holding the value keeps its id its own

    # Running something

    def run(
        self,
        source: Any,
        call: ast.AST,
        namespace: str = "main",
        name: str = "",
        how: tuple[Step, ...] = (),
        runs_as: str = "__main__",
    ) -> Run:
        """Note that ``source`` (text, bytes or compiled code) is run by ``call``."""
        if isinstance(source, Code):
            source = source.source
        why: Cannot | None = None
        data: bytes | None = None
        if isinstance(source, str):
            try:
                data = source.encode("utf-8")
            except UnicodeEncodeError:
                why = Cannot("the source that it runs is no valid Unicode", call, decoding=True)
        elif isinstance(source, (bytes, bytearray)):
            data = bytes(source)
        elif isinstance(source, Unknown):
            why = source.why
        else:
            why = Cannot("what it runs is not text", call)
        steps = (*self.how(source), *how)
        self.runs.append(Run(data, why, steps, self._statement, call, namespace, name, runs_as))
        return self.runs[-1]

    # Statements

    def follow(self, body: Sequence[ast.stmt]) -> None:
        """Follow the module-level statements in order."""
        for statement in body:
            self._statement = statement
            try:
                self._execute(statement)
            except (Cannot, Refused) as error:
                self._unknown(error, statement)
            except (_Return, _Leave):
                continue  # outside of a function or loop: not Python, and no reason to stop reading

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._execute(statement)

    def _execute(self, node: ast.stmt) -> None:
        self.work.step()
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                raise Cannot("nested too deeply to follow", node)
            self._statement_of(node)
        finally:
            self._depth -= 1

    def _statement_of(self, node: ast.stmt) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    library.import_module(self, alias.name, alias.asname, node)
            case ast.ImportFrom():
                library.import_from(self, node)
            case ast.Assign(targets=targets, value=value):
                result = self._try(value)
                for target in targets:
                    self._assign(target, result)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assign(target, self._try(value))
            case ast.AugAssign(target=target, op=op, value=value):
                self._augment(node, target, op, value)
            case ast.Expr(value=value):
                self._try(value)
            case ast.If(test=test, body=body, orelse=orelse):
                known = self._truth(test)
                if known is not False:
                    self._branch(body)
                if known is not True:
                    self._branch(orelse)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    opened = self._try(item.context_expr)
                    if isinstance(opened, Bound) and opened.name == "temporary":
                        opened = opened.owner
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, opened)
                self._block(body)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                before = len(self.blocked)
                self._block(body)
                self._block(orelse)
                failed = len(self.blocked) > before
                for handler in handlers:
                    # A handler runs after a failure that can't be foreseen; it matters when it runs code.
                    if failed or any(_may_run(one) for one in handler.body):
                        self._branch(handler.body)
                self._block(final)
            case ast.For(target=target, iter=values, body=body, orelse=orelse):
                self._loop(target, values, body)
                self._block(orelse)
            case ast.While(test=test, body=body):
                self._while(test, body)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._scopes[-1][name] = self._function(node)
                if node.decorator_list:
                    self._scopes[-1][name] = Unknown(Cannot("decorated function", node))
            case ast.ClassDef(name=name):
                self._scopes[-1][name] = Unknown(Cannot("class defined by the wrapper", node))
            case ast.Return(value=value):
                raise _Return(None if value is None else self._try(value))
            case ast.Break():
                raise _Leave(again=False)
            case ast.Continue():
                raise _Leave(again=True)
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        self._scopes[-1].pop(target.id, None)
            case ast.Raise(exc=raised) if raised is not None:
                self._try(raised)
            case ast.Assert(test=test):
                self._try(test)
            case ast.Global(names=names):
                for name in names:
                    # One shared cell is not modelled: a global that a function sets is set when it returns.
                    self._scopes[-1].setdefault("global " + name, None)
            case _:
                pass

    def _branch(self, body: Sequence[ast.stmt]) -> None:
        """Follow a block that may or may not run to its end."""
        try:
            self._block(body)
        except _Return as leaving:
            if len(self._scopes) > 1:
                raise
            del leaving

    def _loop(self, target: ast.expr, values: ast.expr, body: Sequence[ast.stmt]) -> None:
        try:
            items: Iterable[Any] = self.iterate(self.evaluate(values), values)
        except (Cannot, Refused) as error:
            self._assign(target, self._unknown(error, values))
            items = ()
            self._once(body)
        for turn, item in enumerate(items):
            if turn > _MAX_LOOP:
                raise Refused("a loop takes more turns than are followed")
            self._assign(target, item)
            if not self._once(body):
                break

    def _while(self, test: ast.expr, body: Sequence[ast.stmt]) -> None:
        for _ in range(_MAX_LOOP):
            known = self._truth(test)
            if known is False or not self._once(body):
                return
            if known is None:
                return
        raise Refused("a loop takes more turns than are followed")

    def _once(self, body: Sequence[ast.stmt]) -> bool:
        """Follow a loop's body; return whether the loop goes on."""
        try:
            self._block(body)
        except _Leave as leaving:
            return leaving.again
        return True

    def _truth(self, test: ast.expr) -> bool | None:
        """Return a condition's value, None when it is unknown or hangs on the environment."""
        if _reads_environment(test):
            self._try(test)
            return None
        value = self._try(test)
        return bool(value) if is_plain(value) else None

    def _augment(self, node: ast.stmt, target: ast.expr, op: ast.operator, value: ast.expr) -> None:
        right = self._try(value)
        try:
            left = self.evaluate(target)
            if isinstance(right, Unknown):
                raise right.why
            if left == Ref("os.environ"):
                library.environ_update(self, right)
                return
            result = self._binary(op, left, right, node)
        except (Cannot, Refused) as error:
            result = self._unknown(error, node)
        self._assign(target, result)

    def _assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                if "global " + name in self._scopes[-1]:
                    self.globals[name] = value
                self._scopes[-1][name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                self._spread(parts, value)
            case ast.Starred(value=inner):
                self._assign(inner, value)
            case ast.Subscript(value=owner, slice=key):
                self._assign_item(self._try(owner), self._try(key), value)
            case ast.Attribute(value=owner, attr=name):
                found = self._try(owner)
                if isinstance(found, ModuleValue):
                    found.attributes[name] = value
            case _:
                pass

    def _spread(self, parts: Sequence[ast.expr], value: Any) -> None:
        if isinstance(value, (str, bytes, list, tuple)) and not any(isinstance(part, ast.Starred) for part in parts):
            if len(value) == len(parts):
                for part, item in zip(parts, value, strict=True):
                    self.keep(item, self.how(value))
                    self._assign(part, item)
                return
        elif isinstance(value, (list, tuple)):
            star = next(i for i, part in enumerate(parts) if isinstance(part, ast.Starred))
            after = len(parts) - star - 1
            if len(value) >= len(parts) - 1:
                middle = list(value[star : len(value) - after])
                for part, item in zip(parts, [*value[:star], middle, *value[len(value) - after :]], strict=True):
                    self._assign(part, item)
                return
        unknown = value if isinstance(value, Unknown) else Unknown(Cannot("values that are not followed"))
        for part in parts:
            self._assign(part, unknown)

    def _assign_item(self, owner: Any, key: Any, value: Any) -> None:
        if owner == Ref("os.environ"):
            library.environ_update(self, {key: value} if isinstance(key, str) else {})
        elif isinstance(owner, Namespace) and isinstance(key, str):
            (self.globals if owner.module is None else owner.module.attributes)[key] = value
        elif isinstance(owner, dict) and simple(key):
            self.work.spend(8)
            owner[key] = value
        elif isinstance(owner, (list, bytearray)) and isinstance(key, (int, slice)):
            try:
                if isinstance(key, slice):
                    self.work.spend(size_of(value))
                owner[key] = value
            except Exception as error:  # storing plain data raises only what the data calls for
                raise Refused(f"an assignment fails ({type(error).__name__})") from None

    # Expressions

    def _try(self, node: ast.expr) -> Any:
        """Return an expression's value, or an :class:`Unknown` that says why there is none."""
        try:
            return self.evaluate(node)
        except (Cannot, Refused) as error:
            return self._unknown(error, node)

    def _unknown(self, error: Cannot | Refused, node: ast.AST) -> Unknown:
        if isinstance(error, Refused):
            error = Cannot(str(error), node, decoding=True)
        if error.node is None:
            error.node = node
        if error.decoding:
            self.blocked.append(error)
        return Unknown(error)

    def evaluate(self, node: ast.expr) -> Any:
        """Return the value of an expression; raises :class:`Cannot` or :class:`Refused`."""
        self.work.step()
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                raise Cannot("nested too deeply to follow", node)
            return self._evaluate(node)
        except Refused as error:
            raise Cannot(str(error), node, decoding=True) from None
        except Cannot as error:
            if error.node is None:
                error.node = node
            raise
        finally:
            self._depth -= 1

    def _evaluate(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                if value is Ellipsis or isinstance(value, complex):
                    raise Cannot("a constant that is not followed", node)
                return value
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.Attribute(value=owner, attr=name):
                return self.attribute(self.evaluate(owner), name, node)
            case ast.Call():
                return self._call(node)
            case ast.BinOp():
                return self._chain(node)
            case ast.Subscript(value=owner, slice=key):
                return self._item(self.evaluate(owner), self.evaluate(key), node)
            case ast.Slice(lower=lower, upper=upper, step=step):
                parts = [None if part is None else self.evaluate(part) for part in (lower, upper, step)]
                return slice(*parts)
            case ast.List(elts=parts):
                return self._elements(parts)
            case ast.Tuple(elts=parts):
                items = self._elements(parts)
                return self.made(tuple(items), None, items)
            case ast.Set(elts=parts):
                return {one for one in self._elements(parts) if simple(one)}
            case ast.Dict(keys=keys, values=values):
                return self._dictionary(keys, values)
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(op, self.evaluate(operand), node)
            case ast.BoolOp(op=op, values=values):
                result: Any = None
                for value in values:
                    result = self.evaluate(value)
                    if not is_plain(result):
                        return result
                    if bool(result) is isinstance(op, ast.Or):
                        return result
                return result
            case ast.Compare(left=left, ops=ops, comparators=others):
                value = self.evaluate(left)
                for relation, other in zip(ops, others, strict=True):
                    right = self.evaluate(other)
                    if not compare(self.work, relation, value, right):
                        return False
                    value = right
                return True
            case ast.IfExp(test=test, body=body, orelse=orelse):
                if _reads_environment(test):
                    raise Cannot("hangs on an environment variable", node)
                return self.evaluate(body if self.evaluate(test) else orelse)
            case ast.JoinedStr(values=parts):
                pieces = [self._formatted(part) for part in parts]
                self.work.spend(sum(len(piece) for piece in pieces))
                return self.made("".join(pieces), None, *pieces)
            case ast.NamedExpr(target=target, value=value):
                result = self.evaluate(value)
                self._assign(target, result)
                return result
            case ast.Lambda():
                return self._function(node)
            case ast.ListComp(elt=part, generators=loops) | ast.GeneratorExp(elt=part, generators=loops):
                return self._comprehension(part, loops)
            case ast.SetComp(elt=part, generators=loops):
                return {one for one in self._comprehension(part, loops) if simple(one)}
            case ast.DictComp(key=key, value=value, generators=loops):
                pairs = self._comprehension(ast.Tuple(elts=[key, value], ctx=ast.Load()), loops)
                return {one: item for one, item in pairs if simple(one)}
            case _:
                raise Cannot(f"{type(node).__name__} is not followed", node)

    def _name(self, name: str, node: ast.AST) -> Any:
        for scope in reversed(self._scopes):
            if name in scope:
                value = scope[name]
                if isinstance(value, Unknown):
                    raise value.why
                return value
        if name in ("__builtins__", "builtins"):
            return Ref("builtins")
        if name in ("__loader__", "__spec__"):
            return Ref(name)
        if library.is_builtin(name):
            return Ref(f"builtins.{name}")
        raise Cannot("a name that is not known here", node)

    def attribute(self, owner: Any, name: str, node: ast.AST) -> Any:
        """Return an attribute's value; raises :class:`Cannot`."""
        if isinstance(owner, Ref):
            return library.member(self, owner, name, node)
        if isinstance(owner, PathValue):
            return path_attribute(owner, name)
        if isinstance(owner, ModuleValue):
            if name in owner.attributes:
                value = owner.attributes[name]
                if isinstance(value, Unknown):
                    raise value.why
                return value
            if name == "__dict__":
                return Namespace(owner)
            if id(owner) in self.modules and not name.startswith("__"):
                return Bound(ModuleValue(owner.name, later=self.modules[id(owner)][1]), name)
            if owner.later is not None and not name.startswith("__"):
                return Bound(owner, name)
            if name in ("loader", "origin", "name"):
                return {"loader": Bound(owner, "loader"), "origin": owner.path, "name": owner.name}[name]
            raise Cannot("an attribute that is not known here", node)
        if name == "name" and isinstance(owner, Handle) and owner.path is not None:
            return owner.path
        if name == "name" and isinstance(owner, Bound) and owner.name == "temporary":
            return owner.owner
        if isinstance(owner, Decoder) and (found := owner.stream.attribute(name)) is not None:
            return self.made(found, None)
        if isinstance(owner, (Handle, Archive, Decoder, Decompressor, Namespace, Bound, Code)):
            return Bound(owner, name)
        if is_plain(owner) and (has_method(owner, name) or name in ("close", "__getitem__", "__add__")):
            return Bound(owner, name)
        raise Cannot("an attribute that is not followed", node)

    def _call(self, node: ast.Call) -> Any:
        try:
            function = self.evaluate(node.func)
        except Cannot:
            self._arguments(node, strict=False)
            raise
        lenient = isinstance(function, Ref) and function.name in library.RUNNERS
        args, keywords = self._arguments(node, strict=not lenient)
        return self.call(function, args, keywords, node)

    def _arguments(self, node: ast.Call, strict: bool) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments' values; the first unknown one raises when ``strict``, after all are seen."""
        args: list[Any] = []
        keywords: dict[str, Any] = {}
        first: Cannot | None = None
        for argument in node.args:
            starred = isinstance(argument, ast.Starred)
            value = self._try(argument.value if isinstance(argument, ast.Starred) else argument)
            if isinstance(value, Unknown):
                first = first or value.why
            if starred and not isinstance(value, Unknown):
                args.extend(self.iterate(value, argument))
            else:
                args.append(value)
        for keyword in node.keywords:
            value = self._try(keyword.value)
            if isinstance(value, Unknown):
                first = first or value.why
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict):
                keywords.update({str(key): item for key, item in value.items()})
        if strict and first is not None:
            raise first
        return args, keywords

    def call(self, function: Any, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        """Return what calling a value gives; raises :class:`Cannot` or :class:`Refused`."""
        if isinstance(function, Bound) and function.name == "partial":
            merged = {**dict(function.keywords), **keywords}
            return self.call(function.owner, [*function.args, *args], merged, node)
        if isinstance(function, Ref):
            return registry.call(self, function, args, keywords, node)
        if isinstance(function, Function):
            return self._call_function(function, args, keywords, node)
        if isinstance(function, Bound):
            owner, name = function.owner, function.name
            if is_plain(owner):
                if name == "__getitem__" and len(args) == 1:
                    return self._item(owner, args[0], node)
                plain = [self._plain_argument(one) for one in args]
                result = call_method(
                    self.work,
                    owner,
                    name,
                    plain,
                    {key: self._plain_argument(one) for key, one in keywords.items()},
                )
                step = "translate" if name == "translate" else "fromhex" if name == "fromhex" else None
                parts = args if name in ("join", "extend", "append", "fromhex", "from_bytes") else ()
                if name in ("extend", "append"):
                    self.made(owner, None, owner, *parts)
                if name == "join" and args and isinstance(args[0], (list, tuple)):
                    parts = [*parts, *args[0][:8]]
                result = self.made(result, step, owner, *parts)
                if isinstance(result, (list, tuple)) and (how := self.how(result)) and len(result) < 10_000:
                    for one in result:
                        self.keep(one, how)
                return result
            return library.call_method(self, owner, name, args, keywords, node)
        raise Cannot("a call that is not followed", node)

    def _plain_argument(self, value: Any) -> Any:
        if is_plain(value) or isinstance(value, (PathValue, Namespace)):
            return value
        raise Cannot("an argument that is not followed")

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
        defaults: dict[str, Any] = {}
        positional = [*node.args.posonlyargs, *node.args.args]
        for argument, value in zip(reversed(positional), reversed(node.args.defaults), strict=False):
            defaults[argument.arg] = self._try(value)
        for argument, maybe in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if maybe is not None:
                defaults[argument.arg] = self._try(maybe)
        return Function(node, self._scopes, defaults)

    def _call_function(self, function: Function, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        definition = function.node
        self.called.add(definition)
        names = [one.arg for one in (*definition.args.posonlyargs, *definition.args.args)]
        scope: dict[str, Any] = dict(function.defaults)
        scope.update(zip(names, args, strict=False))
        if definition.args.vararg is not None:
            scope[definition.args.vararg.arg] = tuple(args[len(names) :])
        known = {*names, *(one.arg for one in definition.args.kwonlyargs)}
        scope.update({name: value for name, value in keywords.items() if name in known})
        if definition.args.kwarg is not None:
            scope[definition.args.kwarg.arg] = {name: value for name, value in keywords.items() if name not in known}
        outer, self._scopes = self._scopes, (*function.scopes, scope)
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH or len(self._scopes) > 20:
                raise Cannot("calls nested too deeply to follow", node)
            if isinstance(definition, ast.Lambda):
                return self.evaluate(definition.body)
            self._block(definition.body)
        except _Return as leaving:
            if isinstance(leaving.value, Unknown):
                raise leaving.value.why from None
            return leaving.value
        except _Leave:
            raise Cannot("a loop that is not followed", node) from None
        finally:
            self._scopes = outer
            self._depth -= 1
        return None

    def iterate(self, value: Any, node: ast.AST) -> Sequence[Any]:
        """Return the items of a value; raises :class:`Cannot` or :class:`Refused`."""
        if isinstance(value, Handle):
            lines = handle_method(self, value, "readlines", [], {}, node)
            return bounded(self.work, lines)
        return bounded(self.work, value)

    def _elements(self, parts: Sequence[ast.expr]) -> list[Any]:
        items: list[Any] = []
        for part in parts:
            if isinstance(part, ast.Starred):
                items.extend(self.iterate(self.evaluate(part.value), part))
            else:
                items.append(self.evaluate(part))
        self.work.spend(8 * len(items))
        return self.made(items, None, *items) if len(items) < 1000 else items

    def _dictionary(self, keys: Sequence[ast.expr | None], values: Sequence[ast.expr]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                merged = self.evaluate(value)
                if not isinstance(merged, dict):
                    raise Cannot("a merge that is not followed", value)
                result.update(merged)
            else:
                name = self.evaluate(key)
                if not simple(name):
                    raise Cannot("a key that is not followed", key)
                result[name] = self._try(value)
        return result

    def _chain(self, node: ast.BinOp) -> Any:
        """Evaluate ``a + b + c + …`` without recursing into the left operands."""
        rights: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            rights.append(left)
            left = left.left
        value = self.evaluate(left)
        for one in reversed(rights):
            self.work.step()
            value = self._binary(one.op, value, self.evaluate(one.right), one)
        return value

    def _binary(self, op: ast.operator, left: Any, right: Any, node: ast.AST) -> Any:
        if isinstance(op, ast.Div) and (isinstance(left, PathValue) or isinstance(right, PathValue)):
            return join_paths(left, right, node)
        return self.made(binary(self.work, op, left, right), None, left, right)

    def _unary(self, op: ast.unaryop, value: Any, node: ast.AST) -> Any:
        if isinstance(op, ast.Not) and is_plain(value):
            return not value
        if isinstance(value, (int, float)):
            return -value if isinstance(op, ast.USub) else ~int(value) if isinstance(op, ast.Invert) else value
        raise Cannot("an operator that is not followed", node)

    def _item(self, owner: Any, key: Any, node: ast.AST) -> Any:
        if isinstance(owner, (Ref, Namespace)):
            return library.item(self, owner, key, node)
        if isinstance(owner, Bound) and owner.name == "parents" and isinstance(key, int) and 0 <= key < 50:
            result = owner.owner
            for _ in range(key + 1):
                result = path_attribute(result, "parent")
            return result
        if isinstance(owner, dict) and isinstance(key, str) and key not in owner and id(owner) in self.namespaces:
            return self.attribute(self.namespaces[id(owner)][1], key, node)
        if isinstance(owner, ModuleValue) and owner.later is not None and isinstance(key, str):
            return self.attribute(owner, key, node)
        if not isinstance(owner, (str, bytes, bytearray, list, tuple, dict, range)):
            raise Cannot("an item that is not followed", node)
        self.work.spend(size_of(owner) if isinstance(key, slice) else 1)
        try:
            found = owner[key]
        except Exception as error:  # indexing plain data raises only what the data calls for
            raise Cannot(f"indexing fails ({type(error).__name__})", node) from None
        if isinstance(found, Unknown):
            raise found.why
        if isinstance(found, (str, bytes, bytearray, list, tuple)) and id(found) not in self._trail:
            self.made(found, None, owner)
        return found

    def _formatted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.FormattedValue) and node.format_spec is None:
            value = self.evaluate(node.value)
            if isinstance(value, PathValue):
                return value.text
            if isinstance(value, (str, int, float)) and node.conversion in (-1, ord("s")):
                return value if isinstance(value, str) else text_of(value)
            if isinstance(value, (str, int, float)) and node.conversion == ord("r") and simple(value):
                return repr(value) if isinstance(value, str) else text_of(value)
        raise Cannot("a format that is not followed", node)

    def _comprehension(self, part: ast.expr, loops: Sequence[ast.comprehension]) -> list[Any]:
        outer, scope = self._scopes, {}  # type: tuple[dict[str, Any], ...], dict[str, Any]
        sources: list[Any] = []
        self._scopes = (*outer, scope)

        def turns(depth: int) -> Iterator[None]:
            if depth == len(loops):
                yield None
                return
            loop = loops[depth]
            values = self.evaluate(loop.iter)
            sources[depth:] = [values]
            for item in self.iterate(values, loop.iter):
                self.work.step()
                self._assign(loop.target, item)
                if all(self.evaluate(test) for test in loop.ifs):
                    yield from turns(depth + 1)

        try:
            result = []
            for _ in turns(0):
                result.append(self.evaluate(part))
        finally:
            self._scopes = outer
        self.work.spend(8 * len(result))
        computed = bool(result) and (isinstance(result[0], int) or not isinstance(part, (ast.Name, ast.Subscript)))
        return self.made(result, "comprehension" if computed else None, *sources, *result[:1])  # type: ignore[no-any-return]


def _reads_environment(test: ast.expr) -> bool:
    for node in ast.walk(test):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in ("environ", "getenv", "environb"):
            return True
    return False


def _may_run(node: ast.AST) -> bool:
    for one in ast.walk(node):
        name = one.attr if isinstance(one, ast.Attribute) else one.id if isinstance(one, ast.Name) else ""
        if name in ("exec", "eval", "run_path", "run_module", "exec_module", "decompress"):
            return True
    return False
