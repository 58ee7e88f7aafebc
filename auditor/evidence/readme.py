# ruff: noqa: E501 (rows of patterns)
"""What a README claims: its title, its tables, its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.metrics import role_of
from auditor.markdown import elements
from auditor.regex import regex

_LONGEST = 2_000  # characters of a line that are looked at
_MOST_CLAIMS = 2_000
_LEAST_SCORE = 0.1  # bits per byte; below it a sentence speaks of a difference

# What a column or a table's row label is about; the first that matches decides.
_COLUMNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ignored", regex(r"delta|Δ|gain|gap|vs\.?\b|improvement|baseline|param|std|σ|previous|sota|parent|upstream|reference|#\d{2}|(?:model|weights?|code|script)[ _](?:size|bytes)")),
    ("prequant_bpb", regex(r"(?:pre[- ]?quant|pre[- ]?ttt|post[- ]?ema|roundtrip|before|no ttt|without|raw|in[- ]training).*bpb")),
    ("val_bpb", regex(r"bpb|bits per byte")),
    ("val_loss", regex(r"(?:val[ _]?)?loss|nats")),
    ("artifact_bytes", regex(r"artifact|total (?:size|bytes)|submission size|bytes|^size")),
    ("eval_seconds", regex(r"eval.*(?:time|s\b)")),
    ("train_seconds", regex(r"train.*(?:time|s\b)|wall")),
    ("steps", regex(r"^steps?\b")),
    ("seed", regex(r"^seeds?\b|^run\b")),
)  # fmt: skip

_CELL_NUMBER = regex(
    r"^[*_`~≈\s]{0,8}(?P<value>\d{1,3}(?:(?:,|[ \u00a0\u2009\u202f'])\d{3})+(?!\d)|\d{1,12}(?:\.\d{1,18})?)\s{0,3}(?P<unit>bytes|b|mb|ms|s|sec|min|m)?\b"
)
_GROUPED = regex(r"[^\d.]")  # what parts thousands
_ROW_SEED = regex(r"^[*_`\s]{0,8}(?:seed\s{0,2})?(\d{1,10})\b[^.]{0,20}$", re.IGNORECASE)
_ROW_MEAN = regex(r"\b(?:mean|average|avg|overall)\b", re.IGNORECASE)
_PROSE = (
    regex(r"\b(?P<what>val_bpb|mean bpb|bpb|score)\b[*_`\"']{0,4}(?:\s?\([^()]{0,40}\))?[*_`]{0,4}\s{0,3}(?:[:=]|\bis\b|\bof\b)\s{0,3}[*_`~]{0,5}(?P<value>\d\.\d{2,18})", re.IGNORECASE),
    regex(r"[*_`]{0,4}(?P<value>(?<![\d.+\-−])\d\.\d{3,18})[*_`]{0,4}\s{0,2}(?:val[_ ])?(?P<what>bpb)\b", re.IGNORECASE),
)  # fmt: skip
_IN_TITLE = regex(r"[—–:]\s{0,3}(?P<value>[01]\.\d{4,8})\s{0,3}$")  # "# What it is — 1.1195"
_PROSE_SIZE = regex(
    r"\b(?:artifact|total|submission)\b[^\d\n|]{0,40}(?P<value>\d{1,2},\d{3},\d{3}|\d{7,8})\s{0,2}(?:bytes|B)\b",
    re.IGNORECASE,
)
_PROSE_SEEDS = regex(
    r"\bseeds?\b\s{0,2}[:=(]?\s{0,3}(?P<seeds>\d{1,10}(?:\s{0,2}(?:,|/|and|&)\s{0,2}\d{1,10}){1,12})",
    re.IGNORECASE,
)
_TO_COME = regex(r"\b(?:to be|will be|pending|planned|todo|tbd|upcoming|to come|not yet)\b", re.IGNORECASE)
_ASIDE = regex(
    r"baseline|previous|prior|sota|delta|improv|vs\.?\s|record of|leader|merged|compared|from\s\d"
    r"|\b(?:win )?bar\b|\bbpb gap\b|\bgoals?\b|\bthreshold\b|\bfrontier\b|\btarget\b"
    r"|\b(?:estimat|expect|project|anticipat)ed\b",
    re.IGNORECASE,
)
# A line that says what was built on, or that opens a list of figures from elsewhere.
_OTHERS = regex(
    r"^[\W_]{0,8}(?:base|based on|builds on|parent|fork(?:ed)? (?:of|from)|starting point)"
    r"(?: (?:score|model|submission|result|bpb))?[*_`]{0,3}:"
    r"|\b(?:inherited|reference|baseline|previous|prior)\b[^.]{0,60}:[\W_]{0,4}$",
    re.IGNORECASE,
)
# A sentence that tells what another pull request came to.
_OF_ANOTHER = regex(
    r"#\d{2,5}\b[^.;|]{0,80}?\b(?:achiev\w*|reach\w*|got|gets|scor(?:ed|es)|report\w*|had|came to|landed)\b[^.;|]{0,40}$"
    r"|#\d{2,5}[):,]?\s{0,3}[~≈]?$|#\d{2,5}\s?\([^()]{0,60}$",
    re.IGNORECASE,
)
_FINAL_COLUMN = regex(
    r"\b(?:final|submitted|submission|headline|ttt|slot|sliding|mix(?:ed|ture)?)\b(?<!pre-ttt)(?<!no ttt)",
    re.IGNORECASE,
)
_UNITS = {"mb": 1e6, "ms": 1e-3, "min": 60.0, "m": 60.0}


def read_readme(path: str, data: bytes) -> ClaimSet:
    """Return the claims of a README, those about the whole submission before those about one seed."""
    claims: list[Claim[float]] = []
    seeds: list[int] = []
    texts: list[Claim[str]] = []
    others = False  # inside a list of figures from elsewhere
    for element in elements(data.decode("utf-8", "replace").lstrip("\ufeff")):
        if element.kind == "row":
            if element.cells != element.header:
                claims.extend(_row_claims(path, element.line, list(element.header), list(element.cells)))
            elif any(_CELL_NUMBER.match(cell) for cell in element.cells):
                claims.extend(_row_claims(path, element.line, [], list(element.cells)))
            continue
        if element.kind == "heading" and not texts:
            texts.append(Claim("title", element.text.strip(), path, element.line, "title"))
        heading = element.kind == "heading"
        for number, full in enumerate(element.text.split("\n"), start=element.line):
            line = full[:_LONGEST].strip()
            others = not heading and (bool(_OTHERS.search(line)) or (others and element.listed))
            if not others:
                claims.extend(_prose_claims(path, number, line, title=heading))
            listed = _PROSE_SEEDS.search(line)
            if listed is not None and not seeds and not _TO_COME.search(line):
                seeds = [int(s) for s in re.findall(r"\d{1,10}", listed["seeds"])]
        if len(claims) > _MOST_CLAIMS:
            break
    tabled = [c.seed for c in claims if c.seed is not None]
    return ClaimSet(
        path=path,
        numbers=tuple(sorted(claims, key=_authority)),
        texts=tuple(texts),
        seeds=tuple(dict.fromkeys(tabled or seeds)),
    )


def _column(cell: str) -> str | None:
    low = cell.lower().strip("*_` ")
    found = next((name for name, pattern in _COLUMNS if pattern.search(low)), None)
    return None if found == "ignored" else found


def _row_claims(path: str, number: int, header: list[str], cells: list[str]) -> Iterator[Claim[float]]:
    """Yield what a table row says: a column per quantity, or, in two columns, a label and its value."""
    if len(cells) == 2 and _column(cells[0]) is not None and not _ROW_SEED.match(cells[0]):
        claim = _cell(path, number, cells[0], cells[1], None)
        if claim is not None:
            yield claim
        return
    at = next((i for i, h in enumerate(header) if _column(h) == "seed"), None)
    seed = None
    mean = any(_ROW_MEAN.search(c) for c in cells[:2])
    if at is not None and at < len(cells):
        match = _ROW_SEED.match(cells[at])
        seed = int(match[1]) if match else None
    if (seed is None and not mean) or len(cells) > len(header):
        return
    found = [_cell(path, number, name, cell, seed) for name, cell in zip(header, cells, strict=False)]
    yield from sorted((claim for claim in found if claim is not None), key=_column_rank)


def _column_rank(claim: Claim[float]) -> tuple[bool, bool, float]:
    """Order a row's scores: of several the one that is called final, or by what comes last, else the lowest."""
    if claim.name != "val_bpb":
        return (True, False, 0.0)
    return (False, _FINAL_COLUMN.search(claim.key) is None, claim.value)


def _cell(path: str, number: int, column: str, cell: str, seed: int | None) -> Claim[float] | None:
    name = _column(column)
    match = _CELL_NUMBER.match(cell.lower())
    if name is None or name == "seed" or match is None:
        return None
    digits = _GROUPED.sub("", match["value"])
    scale = _UNITS.get(match["unit"] or "", 1.0)
    low = column.lower()
    if match["unit"] is None and "mb" in low and name == "artifact_bytes":
        scale = 1e6
    value = float(digits) * scale
    if name in ("val_bpb", "prequant_bpb") and not 0 < value < 20:
        return None
    return Claim(name, value, path, number, column, seed, len(digits.partition(".")[2]))


def _prose_claims(path: str, number: int, line: str, *, title: bool) -> Iterator[Claim[float]]:
    for pattern in _PROSE:
        for match in pattern.finditer(line):
            before = line[max(0, match.start() - 40) : match.start()]
            if _ASIDE.search(before) or _OF_ANOTHER.search(line[max(0, match.start() - 200) : match.start()]):
                continue
            digits = match["value"]
            if float(digits) < _LEAST_SCORE:
                continue
            key = "title" if title else "sentence"
            name = "prequant_bpb" if role_of(line[: match.end()].lower()) == "pre-quant" else "val_bpb"
            yield Claim(name, float(digits), path, number, key, None, len(digits.partition(".")[2]))
    ends = _IN_TITLE.search(line) if title else None
    if ends is not None and float(ends["value"]) >= _LEAST_SCORE and not _ASIDE.search(line):
        yield Claim("val_bpb", float(ends["value"]), path, number, "title", None, len(ends["value"].partition(".")[2]))
    size = _PROSE_SIZE.search(line)
    if size is not None and size["value"] != "16,000,000":  # the cap, not a claim
        yield Claim("artifact_bytes", float(size["value"].replace(",", "")), path, number, "sentence")


def _authority(claim: Claim[float]) -> tuple[bool, int]:
    """Order claims: of the whole before those of one seed; a table's mean or labelled value before prose."""
    return (claim.seed is not None, {"title": 1, "sentence": 2}.get(claim.key, 0))
