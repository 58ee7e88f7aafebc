"""Tables of the README that GitHub doesn't render as tables, or not whole."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.change import Change, Edit
from auditor.fix.claims import document
from auditor.markdown import Element, elements
from auditor.program.source import Source
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged

SLUG = "broken-table"

_MOST = 8  # tables that are told
_LONGEST = 20_000  # characters of a line that may be a row
_DELIMITER = regex(r"[ ]{0,3}\|{0,2}[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*){0,200}\|?[ \t]*\Z")
_PIPE = regex(r"(?<!\\)\|")
_CODE = regex(r"(`+)(?!`)(?:.(?!\1(?!`)))*.\1(?!`)")


class Broken(Struct, frozen=True):
    """One broken table: what is wrong with it, at which line, and the lines that mend it."""

    line: int
    message: str
    lines: tuple[tuple[int, str], ...]  # by 1-based number, as they should read
    before: str = ""  # a line to be put above ``line``


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each table of the README that doesn't show as its author meant it."""
    source = _readme(case)
    if source is None:
        return
    for broken in _broken(source)[:_MOST]:
        yield Finding(
            rule=SLUG,
            group="package",
            status="note",
            message=broken.message,
            path=source.path,
            line=broken.line,
            end_line=broken.line,
        )


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the change that makes the table one."""
    source = _readme(case)
    if source is None:
        return None
    broken = next((b for b in _broken(source) if b.line == finding.line and b.message == finding.message), None)
    if broken is None:
        return None
    parts = []
    for number, text in broken.lines:
        start = source.line_starts[number - 1]
        old = source.line_text(number)
        parts.append(_smallest(source.path, start, old, text))
    if broken.before:
        start = source.line_starts[broken.line - 1]
        ending = "\r\n" if source.text.endswith("\r\n", 0, start) else "\n"
        parts.append(Edit(source.path, start, start, "", broken.before + ending))
    return Change("Mend the table's rows, so that GitHub renders it", "safe", tuple(parts))


def _smallest(path: str, start: int, old: str, new: str) -> Edit:
    """Return the edit from ``old`` to ``new`` without what both begin and end with."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    end = len(old) - tail
    return Edit(path, start + head, start + end, old[head:end], new[head : len(new) - tail])


def _readme(case: Case) -> Source | None:
    path = case.submission.readme
    return document(case, path) if judged(case) and path is not None and path.lower().endswith(".md") else None


def _broken(source: Source) -> list[Broken]:
    parts = elements(source.text)
    shown = {part.line for part in parts if part.kind == "row"}
    aside = {
        line
        for part in parts
        if part.kind in ("code", "html")
        for line in range(part.line - 1, part.line + part.text.count("\n") + 1)
    }
    rows = {number: text for number, text in _lines(source) if number not in aside and "|" in text}
    found: list[Broken] = []
    told: set[int] = set()
    for number, text in rows.items():
        if number in shown or number in told:
            continue
        header = rows.get(number - 1)
        if _DELIMITER.match(text) and "-" in text and header is not None and number - 1 not in shown:
            broken = _unlike(number, header, text, rows)
            if broken is not None:
                found.append(broken)
                told.update(range(number - 1, number + _length(number, rows)))
        elif _bare(number, text, rows) and number - 1 not in rows:
            block = _length(number, rows)
            if not any(n in shown or _DELIMITER.match(rows[n]) for n in range(number, number + block)):
                cells = len(_cells(text))
                found.append(
                    Broken(
                        number + 1,
                        f"These {block} rows have no line of dashes below the first, so that GitHub shows no table.",
                        (),
                        "|" + "---|" * cells,
                    )
                )
                told.update(range(number, number + block))
    found += _spilt(parts, source)
    return sorted(found, key=lambda each: each.line)


def _lines(source: Source) -> Iterator[tuple[int, str]]:
    for number in range(1, len(source.line_starts) + 1):
        text = source.line_text(number)
        if len(text) <= _LONGEST:
            yield number, text


def _length(number: int, rows: dict[int, str]) -> int:
    end = number
    while end in rows:
        end += 1
    return end - number


def _bare(number: int, text: str, rows: dict[int, str]) -> bool:
    """Tell whether a block of rows begins here: lines that open and close with a pipe, of as many cells."""
    block = [rows[n] for n in range(number, number + _length(number, rows))]
    closed = all(row.strip().startswith("|") and row.strip().endswith("|") and len(row.strip()) > 2 for row in block)
    return len(block) >= 3 and closed and len({len(_cells(row)) for row in block}) == 1 and len(_cells(text)) >= 2


def _unlike(number: int, header: str, delimiter: str, rows: dict[int, str]) -> Broken | None:
    """Return what is wrong with a line of dashes below a header that it doesn't fit."""
    block = [(n, rows[n]) for n in range(number - 1, number + _length(number, rows))]
    if all(row.lstrip().startswith("||") for _, row in block):
        mended = tuple((n, row.replace("||", "|", 1)) for n, row in block)
        return Broken(number, "Every row begins with two pipes, so that GitHub shows no table.", mended)
    heads, dashes = len(_cells(header)), _cells(delimiter)
    if heads == len(dashes) or heads < 2 or not header.strip().startswith("|"):
        return None
    width = dashes[-1].strip() if dashes and dashes[-1].strip() else "---"
    kept = [*dashes[:heads], *[width.strip(":") or "---"] * (heads - len(dashes))]
    left = delimiter[: len(delimiter) - len(delimiter.lstrip())] + ("|" if delimiter.lstrip().startswith("|") else "")
    right = "|" if delimiter.rstrip().endswith("|") else ""
    return Broken(
        number,
        f"The header has {heads} cells and the line of dashes {len(dashes)}, so that GitHub shows no table.",
        ((number, f"{left}{'|'.join(kept)}{right}"),),
    )


def _spilt(parts: tuple[Element, ...], source: Source) -> Iterator[Broken]:
    """Yield the rows of rendered tables whose code holds a pipe, so that GitHub cuts the row there."""
    for part in parts:
        if part.kind != "row" or not part.header:
            continue
        text = source.line_text(part.line)
        if len(text) > _LONGEST or len(_cells(text)) <= len(part.header):
            continue
        mended = _CODE.sub(lambda match: _PIPE.sub(r"\\|", match[0]), text)
        if mended != text and len(_cells(mended)) == len(part.header):
            yield Broken(
                part.line,
                f"A pipe in this row's code starts a new cell: GitHub cuts the row after {len(part.header)} of its "
                f"{len(_cells(text))} cells.",
                ((part.line, mended),),
            )


def _cells(row: str) -> list[str]:
    """Return a row's cells as GitHub counts them: pipes in code count, escaped ones don't."""
    inner = row.strip()
    inner = inner[1:] if inner.startswith("|") else inner
    if _PIPE.search(inner[-1:]) and not inner.endswith("\\|"):
        inner = inner[:-1]
    return _PIPE.split(inner)


def _readme_of(table: str) -> dict[str, str]:
    return package(run_log(), val_bpb=1.2) | {"README.md": f"# Example\n\n{table}\nThat is all.\n"}


RULE = Rule(
    slug=SLUG,
    title="A table that GitHub doesn't render",
    group="package",
    condition="package",
    summary="A table of the README has a line of dashes with another number of cells than its header, none at all, "
    "doubled pipes, or a pipe inside of code: GitHub shows it as text, or without its last cells.",
    why="The README's tables are where seeds, scores and sizes stand. A reviewer who sees a heap of pipes, or a row "
    "without its score, can't compare them with the logs.",
    advice="Give the line of dashes as many cells as the header, and write pipes inside of cells as \\|.",
    counterpart="A header, a line of dashes and rows, all with the same number of cells.",
    authority=(Authority("README", "OpenAI", "2026", "official", "a README.md that explains the submission"),),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "a line of dashes that is too short",
            SCRIPT,
            "|------|---------|",
            files=_readme_of("| Seed | val_bpb | Size |\n|------|---------|\n| 1337 | 1.2000 | 15,800,000 |\n"),
            status="note",
        ),
        Example(
            "no line of dashes",
            SCRIPT,
            "| 1337 |",
            files=_readme_of("| Seed | val_bpb |\n| 1337 | 1.2000 |\n| 42 | 1.2010 |\n"),
            status="note",
        ),
        Example(
            "doubled pipes",
            SCRIPT,
            "||------|",
            files=_readme_of("|| Seed | val_bpb |\n||------|---------|\n|| 1337 | 1.2000 |\n"),
            status="note",
        ),
        Example(
            "a pipe inside of code",
            SCRIPT,
            "`a|b`",
            files=_readme_of("| What | Why |\n|------|-----|\n| `a|b` | either |\n"),
            status="note",
        ),
    ),
    valid=(
        Example(
            "a table",
            SCRIPT,
            files=_readme_of("| Seed | val_bpb |\n|------|:-------:|\n| 1337 | 1.2000 |\n"),
        ),
        Example("a table in code", SCRIPT, files=_readme_of("```\n| a | b | c |\n|---|\n```\n")),
        Example("pipes in a sentence", SCRIPT, files=_readme_of("Either a | b, or c | d.\n")),
        Example("an escaped pipe", SCRIPT, files=_readme_of("| What | Why |\n|------|-----|\n| `a\\|b` | either |\n")),
    ),
    known_problems="Rows with too few or too many cells for another reason are left alone: nobody can tell which cell "
    "is missing.",
    severity="low",
)
