"""C, C++ and CUDA text to the small form of :mod:`auditor.native.code`, by the tree-sitter grammar of C++."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from auditor.native import ambiguous, code
from auditor.regex import regex

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_DEPTH: Final = 120  # of the expressions and statements that are followed; what lies deeper is opaque
_INTEGER: Final = regex(r"(0[xX][0-9a-fA-F']+|[0-9']+)[uUlL]*$")
_SCOPES: Final = frozenset(
    {"linkage_specification", "namespace_definition", "declaration_list", "template_declaration", "translation_unit"}
)
_CLASSES: Final = frozenset({"class_specifier", "struct_specifier", "union_specifier"})
_CASTS: Final = frozenset({"static_cast", "reinterpret_cast", "const_cast", "dynamic_cast", "bit_cast"})
_CONSTANTS: Final = frozenset(
    {"true", "false", "null", "char_literal", "string_literal", "sizeof_expression", "concatenated_string"}
)
_TYPE_NAME: Final = regex(
    r"(u?int(8|16|32|64)?(_t)?|s?size_t|float|double|bool|char|unsigned|signed|long|short|half|__half|__nv_bfloat16)$"
)
_BINDING: Final = regex(r"def\(\s*\"(\w+)\"\s*,\s*&?\s*([\w:]+)")


@lru_cache(maxsize=1)
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_cpp

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))


@lru_cache(maxsize=64)
def lower(text: str) -> code.Unit:
    """Return what a text of C, C++ or CUDA defines; lines count from 1 at its start."""
    found = ambiguous.read(text.encode("utf-8", "replace"), _parser())
    lowering = _Lowering(found.launches)
    lowering.scope(found.tree.root_node, 0)
    bound = {name: target.rpartition("::")[2] for name, target in _BINDING.findall(text)}
    return code.Unit(
        lowering.functions, lowering.classes, tuple(lowering.globals), bound, tuple(sorted(lowering.broken))
    )


def _text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def _line(node: Node) -> int:
    return int(node.start_point[0]) + 1


def _named(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        if child.type != "comment":
            yield child


class _Lowering:
    """Collects the definitions of one text."""

    def __init__(self, launches: frozenset[tuple[int, str]] = frozenset()) -> None:
        self.launches = launches
        self.functions: dict[tuple[str, str], code.Function] = {}
        self.classes: dict[str, dict[str, code.Declaration]] = {}
        self.globals: list[code.Declaration] = []
        self.broken: set[int] = set()
        self.depth = 0

    # ------------------------------------------------------------------ definitions

    def scope(self, node: Node, depth: int) -> None:
        """Collect what is defined directly in a file, a namespace or a conditional part of a file."""
        if depth > MAX_DEPTH:
            self.broken.add(_line(node))
            return
        for child in _named(node):
            kind = child.type
            if kind in _SCOPES or kind.startswith("preproc_if") or kind in ("preproc_else", "preproc_elif"):
                self.scope(child, depth + 1)
            elif kind == "function_definition":
                self.function(child, "")
            elif kind in _CLASSES:
                self.record(child, _text(child.child_by_field_name("name")))
            elif kind == "type_definition":
                self.typedef(child)
            elif kind == "declaration":
                self.globals.extend(d for d in self.declaration(child) if isinstance(d, code.Declaration))
            elif kind == "ERROR":
                self.broken.add(_line(child))
                self.scope(child, depth + 1)

    def typedef(self, node: Node) -> None:
        """Collect ``typedef struct {…} Name;``."""
        inner = node.child_by_field_name("type")
        if inner is not None and inner.type in _CLASSES:
            self.record(inner, _text(node.child_by_field_name("declarator")))

    def record(self, node: Node, name: str) -> None:
        """Collect a class or struct: its members and methods."""
        body = node.child_by_field_name("body")
        if body is None:
            return
        members = self.classes.setdefault(name, {})
        for child in _named(body):
            if child.type == "function_definition":
                self.function(child, name)
            elif child.type == "field_declaration":
                inner = child.child_by_field_name("type")
                if inner is not None and inner.type in _CLASSES:
                    self.record(inner, _text(inner.child_by_field_name("name")))
                for declared in self.declaration(child):
                    if isinstance(declared, code.Declaration):
                        members[declared.name] = declared
            elif child.type in _CLASSES:
                self.record(child, _text(child.child_by_field_name("name")))

    def function(self, node: Node, owner: str) -> None:
        """Collect a function with its body."""
        declarator = node.child_by_field_name("declarator")
        pointer = False
        while declarator is not None and declarator.type in ("pointer_declarator", "reference_declarator"):
            pointer = True
            declarator = declarator.child_by_field_name("declarator") or _last(declarator)
        body = node.child_by_field_name("body")
        if declarator is None or declarator.type != "function_declarator" or body is None:
            return
        named = _text(declarator.child_by_field_name("declarator"))
        scope, _, name = named.rpartition("::")
        owner = scope.rpartition("::")[2] or owner
        listed = declarator.child_by_field_name("parameters")
        params = [p for child in _named(listed) for p in self.parameter(child)] if listed is not None else []
        statements: list[code.Stmt] = []
        for child in _named(node):
            if child.type == "field_initializer_list":
                statements.extend(self.initializers(child))
        self.errors(body)
        statements.extend(self.body(body))
        returns = _type_name(node.child_by_field_name("type")) + ("*" if pointer else "")
        made = code.Function(name, owner, returns, tuple(params), tuple(statements), _line(node))
        self.functions[owner, name] = made

    def errors(self, body: Node) -> None:
        """Remember the lines of a body that the grammar doesn't know."""
        if not body.has_error:
            return
        waiting = [body]
        while waiting:
            node = waiting.pop()
            if node.type == "ERROR" or node.is_missing:
                self.broken.add(_line(node))
            elif node.has_error:
                waiting.extend(node.children)

    def initializers(self, node: Node) -> Iterator[code.Stmt]:
        """Yield ``member(value)`` of a constructor as assignments."""
        for child in _named(node):
            parts = list(_named(child))
            if child.type == "field_initializer" and parts:
                values = tuple(self.expression(v) for v in _named(parts[-1])) if len(parts) > 1 else ()
                value = values[0] if len(values) == 1 else code.Items(values, _line(child))
                target = code.Name(_text(parts[0]), _line(child))
                yield code.Do(code.Assign("", target, value, _line(child)), _line(child))

    def parameter(self, node: Node) -> Iterator[code.Declaration]:
        """Yield a parameter, unnamed ones too (they keep their place)."""
        if node.type not in ("parameter_declaration", "optional_parameter_declaration"):
            return
        declarator = node.child_by_field_name("declarator")
        default = node.child_by_field_name("default_value")
        value = self.expression(default) if default is not None else None
        yield self.declared(node, declarator, value)

    def declaration(self, node: Node) -> list[code.Stmt]:
        """Return the variables that a declaration makes."""
        found: list[code.Stmt] = []
        default = node.child_by_field_name("default_value")
        for declarator in node.children_by_field_name("declarator"):
            value: code.Expr | None = self.expression(default) if default is not None else None
            if declarator.type == "init_declarator":
                given = declarator.child_by_field_name("value")
                if given is not None:
                    value = self.given(given, _type_name(node.child_by_field_name("type")))
                inner = declarator.child_by_field_name("declarator")
            else:
                inner = declarator
            if inner is not None and inner.type != "function_declarator":
                found.append(self.declared(node, inner, value))
        return found

    def given(self, node: Node, kind: str) -> code.Expr:
        """Return the first value of a variable, ``T name(args)`` included."""
        if node.type == "argument_list":
            return code.New(kind, tuple(self.expression(a) for a in _named(node)), _line(node))
        return self.expression(node)

    def declared(self, node: Node, declarator: Node | None, value: code.Expr | None) -> code.Declaration:
        """Return one variable of a declaration, with what its declarator says."""
        kinds = set()
        inner = declarator
        while inner is not None and inner.type.endswith("_declarator"):
            kinds.add(inner.type)
            inner = inner.child_by_field_name("declarator") or _last(inner)
        constant = any(c.type == "type_qualifier" and _text(c) in ("const", "constexpr") for c in node.children)
        return code.Declaration(
            _text(inner),
            _type_name(node.child_by_field_name("type")),
            "pointer_declarator" in kinds,
            "array_declarator" in kinds,
            "reference_declarator" in kinds,
            constant,
            value,
            _line(inner) if inner is not None else _line(node),
        )

    # ------------------------------------------------------------------ statements

    def body(self, node: Node | None) -> tuple[code.Stmt, ...]:
        """Return the statements of a block, or the one statement that stands in its place."""
        if node is None:
            return ()
        if node.type in ("compound_statement", "else_clause", "init_statement"):
            return tuple(s for child in _named(node) for s in self.statement(child))
        return tuple(self.statement(node))

    def statement(self, node: Node) -> list[code.Stmt]:
        """Return what a statement does."""
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                return [code.Do(code.Opaque("what nests too deeply", (), _line(node)), _line(node))]
            return self._statement(node)
        finally:
            self.depth -= 1

    def _statement(self, node: Node) -> list[code.Stmt]:
        kind, line = node.type, _line(node)
        if kind == "declaration":
            return self.declaration(node)
        if kind == "expression_statement":
            return [code.Do(self.expression(child), line) for child in _named(node)]
        if kind == "compound_statement":
            return [code.Block(self.body(node), line)]
        if kind == "if_statement":
            return self.condition(node)
        if kind in ("for_statement", "while_statement", "do_statement", "for_range_loop"):
            return [self.loop(node)]
        if kind == "return_statement":
            values = [self.expression(child) for child in _named(node)]
            return [code.Return(values[0] if values else None, line)]
        if kind in ("break_statement", "continue_statement"):
            return [code.Jump(kind.removesuffix("_statement"), line)]
        if kind == "switch_statement":
            return [self.switch(node)]
        if kind.startswith("preproc_if") or kind in ("preproc_else", "preproc_elif", "labeled_statement"):
            head = (node.child_by_field_name("name"), node.child_by_field_name("condition"))
            inside = [c for c in _named(node) if c not in head and c.type != "statement_identifier"]
            return [s for child in inside for s in self.statement(child)]
        if kind.startswith("preproc") or kind in ("type_definition", "using_declaration", "alias_declaration", ";"):
            return []
        if kind in _CLASSES:
            self.record(node, _text(node.child_by_field_name("name")))
            return []
        if kind in ("statement_identifier", "static_assert_declaration", "attributed_statement"):
            return []
        return [code.Do(code.Opaque(kind.replace("_", " "), (), line), line)]

    def condition(self, node: Node) -> list[code.Stmt]:
        """Return an ``if``, after what its head declares."""
        clause = node.child_by_field_name("condition")
        value = clause.child_by_field_name("value") if clause is not None else None
        before = clause.child_by_field_name("initializer") if clause is not None else None
        test = self.expression(value or clause) if clause is not None else code.Num(None, _line(node))
        yes = self.body(node.child_by_field_name("consequence"))
        no = self.body(node.child_by_field_name("alternative"))
        return [*self.body(before), code.If(test, yes, no, _line(node))]

    def loop(self, node: Node) -> code.Loop:
        """Return a loop of any kind."""
        line = _line(node)
        body = self.body(node.child_by_field_name("body"))
        if node.type == "for_range_loop":
            right = node.child_by_field_name("right")
            over = self.expression(right) if right is not None else code.Num(None, line)
            item = code.Index(over, code.Opaque("an item", (), line), line)
            made = self.declared(node, node.child_by_field_name("declarator"), item)
            return code.Loop((), None, None, (made, *body), line)
        clause = node.child_by_field_name("condition")
        if clause is not None:
            clause = clause.child_by_field_name("value") or clause
        before = self.body(node.child_by_field_name("initializer"))
        if not before and (first := node.child_by_field_name("initializer")) is not None:
            before = (code.Do(self.expression(first), line),)
        step = node.child_by_field_name("update")
        return code.Loop(
            before,
            self.expression(clause) if clause is not None else None,
            self.expression(step) if step is not None else None,
            body,
            line,
        )

    def switch(self, node: Node) -> code.Stmt:
        """Return a switch as a choice of each of its cases: which, isn't told."""
        line = _line(node)
        clause = node.child_by_field_name("condition")
        value = clause.child_by_field_name("value") if clause is not None else None
        test = self.expression(value) if value is not None else code.Num(None, line)
        body = node.child_by_field_name("body")
        out: tuple[code.Stmt, ...] = ()
        for case in reversed(list(_named(body)) if body is not None else []):
            chosen = case.child_by_field_name("value")
            inside = tuple(
                s
                for child in _named(case)
                if child != chosen and child.type != "break_statement"
                for s in self.statement(child)
            )
            head = code.Binary("==", test, self.expression(chosen), line) if chosen is not None else test
            out = (code.If(head, inside, out, _line(case)),)
        return code.Block(out, line)

    # ------------------------------------------------------------------ expressions

    def expression(self, node: Node) -> code.Expr:
        """Return an expression; what isn't known is opaque, made from its parts."""
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                return code.Opaque("what nests too deeply", (), _line(node))
            return self._expression(node)
        finally:
            self.depth -= 1

    def _expression(self, node: Node) -> code.Expr:
        kind, line = node.type, _line(node)
        if kind in ("identifier", "field_identifier", "this", "type_identifier"):
            return code.Name(_text(node), line)
        if kind == "qualified_identifier":
            return code.Name(_text(node).rpartition("::")[2], line)
        if kind == "number_literal":
            return code.Num(_integer(_text(node)), line)
        if kind in (
            "true",
            "false",
            "null",
            "char_literal",
            "string_literal",
            "sizeof_expression",
            "concatenated_string",
        ):
            return code.Num(None, line)
        if kind in ("parenthesized_expression", "condition_clause"):
            inner = [self.expression(c) for c in _named(node)]
            return inner[-1] if inner else code.Num(None, line)
        part = self.parts(node, line)
        if part is not None:
            return part
        if kind == "call_expression":
            return self.call(node, line)
        if kind in ("initializer_list", "argument_list", "comma_expression"):
            return code.Items(tuple(self.expression(c) for c in _named(node)), line)
        if kind == "compound_literal_expression":
            value = node.child_by_field_name("value")
            return self.expression(value) if value is not None else code.Num(None, line)
        if kind == "new_expression":
            given = node.child_by_field_name("arguments")
            args = tuple(self.expression(a) for a in _named(given)) if given is not None else ()
            return code.New(_type_name(node.child_by_field_name("type")), args, line)
        if kind == "delete_expression":
            return code.Num(None, line)
        return code.Opaque(kind.replace("_", " "), tuple(self.expression(c) for c in _named(node)), line)

    def parts(self, node: Node, line: int) -> code.Expr | None:
        """Return an operation on named parts, or None."""

        def part(name: str) -> code.Expr:
            child = node.child_by_field_name(name)
            return self.expression(child) if child is not None else code.Num(None, line)

        kind = node.type
        op = _text(node.child_by_field_name("operator"))
        if kind == "subscript_expression":
            indices = node.child_by_field_name("indices")
            at = [self.expression(c) for c in _named(indices)] if indices is not None else [part("index")]
            return code.Index(part("argument"), at[0] if len(at) == 1 else code.Items(tuple(at), line), line)
        if kind == "field_expression":
            field = node.child_by_field_name("field")
            return code.Field(part("argument"), _text(field).partition("<")[0], op == "->", line)
        if kind == "pointer_expression":
            return code.Deref(part("argument"), line) if op == "*" else code.AddressOf(part("argument"), line)
        if kind == "binary_expression":
            return code.Binary(op, part("left"), part("right"), line)
        if kind == "unary_expression":
            return code.Unary(op, part("argument"), line)
        if kind == "update_expression":
            return code.Assign(op[:1], part("argument"), code.Num(1, line), line)
        if kind == "assignment_expression":
            return code.Assign(op[:-1], part("left"), part("right"), line)
        if kind == "conditional_expression":
            return code.Choice(part("condition"), part("consequence"), part("alternative"), line)
        if kind == "cast_expression":
            return code.Cast(_type_name(node.child_by_field_name("type")), part("value"), line)
        return None

    def call(self, node: Node, line: int) -> code.Expr:
        """Return a call; a type's name in place of the function's is a cast."""
        function = node.child_by_field_name("function")
        given = node.child_by_field_name("arguments")
        args = tuple(self.expression(a) for a in _named(given)) if given is not None else ()
        if function is None:
            return code.Opaque("call", args, line)
        if function.type == "field_expression":
            receiver = function.child_by_field_name("argument")
            method = _text(function.child_by_field_name("field")).partition("<")[0]
            arrow = _text(function.child_by_field_name("operator")) == "->"
            base = self.expression(receiver) if receiver is not None else None
            return code.Call(method, args, base, arrow, line)
        name = _text(function).partition("<")[0].rpartition("::")[2].strip()
        if len(args) == 1 and (name in _CASTS or function.type == "primitive_type" or _TYPE_NAME.match(name)):
            kind = _text(function).partition("<")[2].rstrip("> *&") if name in _CASTS else name
            return code.Cast(kind.removeprefix("const "), args[0], line)
        if (_line(function), name) in self.launches:
            return code.Opaque(f"a launch of the kernel {name}", args, line)
        if function.type in ("identifier", "qualified_identifier", "template_function", "primitive_type"):
            return code.Call(name, args, None, False, line)
        return code.Opaque("a call of a computed function", (self.expression(function), *args), line)


def _last(node: Node) -> Node | None:
    inside = [c for c in node.named_children if c.type != "comment"]
    return inside[-1] if inside else None


def _type_name(node: Node | None) -> str:
    """Return a type's bare name, without qualifiers, pointers and template arguments."""
    if node is None:
        return ""
    if node.type == "type_descriptor":
        return _type_name(node.child_by_field_name("type"))
    if node.type in _CLASSES:
        return _text(node.child_by_field_name("name"))
    return _text(node).partition("<")[0].rpartition("::")[2].strip() if node.type != "sized_type_specifier" else "int"


def _integer(text: str) -> int | None:
    found = _INTEGER.match(text)
    if found is None:
        return None
    digits = found.group(1).replace("'", "")
    return int(digits, 0) if digits.startswith(("0x", "0X")) else int(digits)
