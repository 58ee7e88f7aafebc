"""The cues of ``auditor/cues.json``: words without which a text holds no match. ``make cues`` works them out anew.

They are read off the pattern's own syntax tree, so that none is guessed: what follows on each other letter by letter is
one word, what is optional makes two, and a choice has those of its branches.
"""

import gc
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from re import _constants as op
from re import _parser as parser

import pytest

import auditor
from auditor.evidence.formats import FORMATS, lowered
from auditor.regex import Late, _table, cue, regex

ROOT = Path(auditor.__file__).parents[1]
TABLE = ROOT / "auditor" / "cues.json"
MOST_WORDS = 32  # of a set that is kept
MOST_RUNS = 16  # that a stretch of a pattern may be written in, before it is broken off
MOST_SETS = 3
LONGEST = 24


def cues(text, flags=0):
    """Return the sets of words that a match holds one of each of, the telling ones first."""
    tree = parser.parse(text, flags)
    any_case = bool(tree.state.flags & re.IGNORECASE)
    if any_case != bool(flags & re.IGNORECASE):
        return ()  # it says so in itself, and whoever asks knows its flags only
    runs, sets = _sequence(tree, any_case)
    told = {frozenset(_shortest(words)) for words in [*sets, *_as_set(runs)] if all(words)}
    worth = [words for words in told if len(words) <= MOST_WORDS and not any(_common(word) for word in words)]
    worth.sort(key=lambda words: (-min(map(len, words)), len(words), sorted(words)))
    return tuple(tuple(sorted(words)) for words in worth[:MOST_SETS])


def _common(word):
    """Tell whether a word is in most texts anyway."""
    return len(word) == 1 and (word.isalnum() or word in " .")


def _shortest(words):
    return {word for word in words if not any(other != word and other in word for other in words)}


def _as_set(runs):
    return [frozenset(runs)] if runs and all(runs) else []


def _sequence(items, any_case):
    """Return what all of a sequence may be written as, None if that is too much; and the sets that its matches need."""
    runs, sets, whole = {""}, [], True
    for code, value in items:
        own, needs = _item(code, value, any_case)
        sets += needs
        longer = {run + each for run in runs for each in own or ()}
        if own is not None and len(longer) <= MOST_RUNS and max(map(len, longer)) <= LONGEST:
            runs = longer
            continue
        sets += _as_set(runs)
        runs, whole = set(own or {""}), False
    if whole:
        return runs, sets
    return None, sets + _as_set(runs)


def _item(code, value, any_case):
    """Return the same of one item of a pattern."""
    if code is op.LITERAL:
        letter = _letter(value, any_case)
        return (None if letter is None else {letter}), []
    if code is op.AT or code is op.ASSERT_NOT:
        return {""}, []  # takes up nothing
    if code is op.ASSERT:
        runs, sets = _sequence(value[1], any_case)
        return {""}, sets + _as_set(runs)
    if code is op.IN:
        return _class(value, any_case), []
    if code is op.SUBPATTERN:
        _, added, removed, inner = value
        return (None, []) if (added | removed) & re.IGNORECASE else _sequence(inner, any_case)
    if code is op.ATOMIC_GROUP:
        return _sequence(value, any_case)
    if code is op.BRANCH:
        return _branches(value[1], any_case)
    if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, most, inner = value
        runs, sets = _sequence(inner, any_case)
        if least == 0:
            return (runs | {""} if most == 1 and runs is not None else None), []
        return (runs, sets) if most == 1 else (None, sets + _as_set(runs))
    return None, []


def _letter(code, any_case):
    letter = chr(code)
    if any_case and not letter.isascii() and (letter.lower() != letter or letter.upper() != letter):
        return None
    return letter.lower() if any_case else letter


def _class(members, any_case):
    letters = set()
    for code, value in members:
        if code is op.LITERAL:
            letters.add(_letter(value, any_case))
        elif code is op.RANGE and value[1] - value[0] < 4:
            letters |= {_letter(each, any_case) for each in range(value[0], value[1] + 1)}
        else:
            return None
    return letters if None not in letters and len(letters) <= 4 else None


def _branches(branches, any_case):
    runs, needs = set(), []
    for branch in branches:
        own, sets = _sequence(branch, any_case)
        runs = None if runs is None or own is None else runs | own
        needs.append(max([*sets, *_as_set(own)], key=lambda words: (min(map(len, words)), -len(words)), default=None))
    if runs is not None and len(runs) <= MOST_RUNS:
        return runs, []
    return None, [] if None in needs else [frozenset().union(*needs)]


def patterns():
    """Return the text and flags of every late pattern of the project, in a process that made no other."""
    for name in ("auditor", "reports", "rules"):
        for file in sorted((ROOT / name).rglob("*.py")):
            if "regex(" in file.read_text("utf-8") and file.name != "regex.py":
                importlib.import_module(
                    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                )
    late = [each for each in gc.get_objects() if type(each) is Late]  # asking others for their class may warn
    return sorted({(each._given, each.pattern) for each in late if isinstance(each.pattern, str)})


def worked_out():
    """Return the table as it would be written now."""
    table = {}
    for flags, text in patterns():
        if found := cues(text, flags):
            table.setdefault(str(flags), {})[text] = found
    return table


def as_json(table):
    """Return a table as text, each pattern on a line of its own."""
    parts = []
    for flags, known in table.items():
        lines = (f"  {json.dumps(text, ensure_ascii=False)}: {json.dumps(found)}" for text, found in known.items())
        parts.append(f' "{flags}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def test_the_table_holds_what_the_patterns_say():
    for flags, known in _table().items():
        for text, found in known.items():
            assert found == cues(text, flags), f"run `make cues`: {text}"


def test_most_patterns_are_in_the_table():
    done = subprocess.run([sys.executable, __file__, "--print"], capture_output=True, text=True, cwd=ROOT, check=True)
    now = {(int(flags), text) for flags, known in json.loads(done.stdout).items() for text in known}
    stored = {(flags, text) for flags, known in _table().items() for text in known}
    assert len(now) > 400
    # One that lacks is compiled at its first use, which costs a check less than a millisecond.
    assert len(now - stored) < len(now) / 10, "run `make cues`"
    assert len(stored - now) < len(now) / 10, "run `make cues`"


@pytest.mark.parametrize(
    ("text", "flags", "expected"),
    [
        (r"\b(?:best|top)[\s-]{1,3}(?P<kept>\d|two)", re.I, (("best", "top"),)),
        (r"^(?:train|val)_loss\s*=", 0, (("train_loss", "val_loss"), ("=",))),
        (r"steps?[ _]done", 0, (("step done", "step_done", "steps done", "steps_done"),)),
        (r"(?:code){2,3}=", 0, (("code",), ("=",))),
        (r"8[x×] ?h100", re.I, (("8x h100", "8xh100", "8× h100", "8×h100"),)),
        (r"bpb|bits per byte|bpb_final", 0, (("bits per byte", "bpb"),)),
        (r"loss(?!_avg)=", 0, (("loss=",),)),
        (r"loss(?=.*bpb)=", 0, (("loss=",), ("bpb",))),
        (r"Δbpb", re.I, (("bpb",),)),  # a letter that has another case, beyond ASCII
        (r"(?i:loss)=\d", 0, (("=",),)),
        (r"(?i)loss", 0, ()),
        (r"loss|", 0, ()),
        (r"(?:loss)*", 0, ()),
        (r"loss?|\d", 0, ()),
        (r"[^=]+", 0, ()),
        (r"a", 0, ()),
    ],
)
def test_words_are_read_off_the_pattern(text, flags, expected):
    assert cues(text, flags) == expected


def test_letters_that_are_taken_for_others_where_case_is_ignored():
    everything = "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1))))
    known = {letter for sets in _table()[re.IGNORECASE].values() for words in sets for letter in "".join(words)}
    assert set("abcdefghijklmnopqrstuvwxyz×") <= known
    for letter in known:
        taken = re.compile(re.escape(letter), re.IGNORECASE).findall(everything)
        assert letter in taken
        for each in taken:
            assert cue(f"ex{each}it", re.IGNORECASE, ((f"ex{letter}it",),)), (letter, each)


def test_every_example_of_a_log_format_has_the_cues_of_its_pattern():
    for row in FORMATS:
        known = _table().get(0, {}).get(row.pattern.pattern, ())
        assert cue(lowered(row.example), 0, known), row.name


def test_without_a_cue_it_says_what_a_compiled_pattern_says():
    text = next(iter(_table()[0]))
    late, compiled = regex(text), re.compile(text)
    for nothing in ("", "\x00", "×\n"):
        assert late.search(nothing) is None
        assert late.match(nothing) is None
        assert late.fullmatch(nothing) is None
        assert list(late.finditer(nothing)) == []
        assert late.findall(nothing) == compiled.findall(nothing)
        assert late.sub("x", nothing) == compiled.sub("x", nothing)
        assert late.subn("x", nothing) == compiled.subn("x", nothing)
        assert late.split(nothing) == compiled.split(nothing)
    assert "search" not in vars(late)  # it wasn't compiled for that
    for _ in range(100):
        late.search("")
    assert "search" in vars(late)  # but is, where it is asked again and again


def test_a_text_without_cues_has_no_match():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()[:200]
    lines += [lowered(row.example) for row in FORMATS] + [row.example.upper() for row in FORMATS]
    for flags, known in _table().items():
        for text, found in known.items():
            compiled = re.compile(text, flags)
            passed = [line for line in lines if not cue(line, flags, found)]
            assert not any(map(compiled.search, passed)), text


if __name__ == "__main__":
    written = as_json(worked_out())
    if "--print" in sys.argv:
        print(written)
    else:
        TABLE.write_text(written, "utf-8")
