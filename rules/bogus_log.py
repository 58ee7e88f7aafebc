"""Logs that are no train logs, or not of the submitted script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.model import EmbeddedSource, Log
from auditor.evidence.run import Run
from auditor.evidence.samples import digest
from auditor.evidence.scored import finished, seeds
from auditor.evidence.series import final
from auditor.finding import Finding, Status, Step
from auditor.program.unpack import unpack
from auditor.rule import Authority, Example, Rule
from auditor.submission.model import Unread
from auditor.submission.names import shown
from rules.doubtful_scores import doubtful
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged, record, reported, score, several

SLUG = "bogus-log"

_SAME_SOURCE = 0.98  # share of lines from which two texts are one script, touched up
_LIKE_SOURCE = 0.8  # below it the log is of another script
_NEAR_SIZE = 0.2  # of the script's bytes, by which another version of it differs at most: packed code has fewer
_LARGEST_SOURCE = 4_000_000
_LONGEST_SUMMARY = 150  # lines after the words that say so
_CLOCK_JUMP = 20.0  # seconds by which a training clock must fall, and the share of its time
_CLOCK_SHARE = 0.1
_LEAST_LONE_SEED = 10  # that a name may state without the word: smaller numbers count runs
_FEWEST_NAMES = 2  # logs of one printed seed under so many names
_TROUBLES = {
    "connection": "a connection's error message",
    "placeholder": "a placeholder",
    "traceback": "a traceback",
    "summary": "a summary, by its own words",
    "killed": "a message that the run was killed",
    "nought": "a score of 0.0",
}


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each log that shows no run, breaks off, or shows another script or seed."""
    if not judged(case):
        return
    enough, finals = _supported(case), set(seeds(finished(case.evidence)))
    shown_by = reported(case)
    shared = {id(run) for run in shown_by}
    differing: list[Finding] = []
    sized: list[Finding] = []
    otherwise: list[Finding] = []
    submitted = _Submitted(case)
    for log in case.evidence.logs:
        elsewhere = {run.seed.value for run in log.runs if run.seed is not None}
        empty = _empty(log, enough=enough or (bool(elsewhere) and elsewhere <= finals))
        if empty is not None:
            yield empty
            continue
        if any(id(run) in shared for run in log.runs):
            differing.extend(_other_script(submitted, log, decisive=record(case) or len(shown_by) == 1))
            if not any(source.text for source in log.sources) and case.submission.script is not None:
                sized.extend(_other_size(submitted, log))
            otherwise.extend(_other_seed(log, case.evidence.claims().seeds))
            yield from _summary(log, needed=record(case))
            yield from _nought(log)
            yield from doubtful(log)
            yield from _clock_set_back(log)
    yield from tuple(_one_seed(shown_by)) or otherwise
    yield from _repeated(case)
    yield from _reused(case)
    yield from _first_of(differing, ("embeds", "embed"), "a text that differs as well")
    yield from _first_of(sized, ("counts", "count"), "other bytes of code as well")


def _supported(case: Case) -> bool:
    """Tell whether finished runs carry the submission without the rest of its logs."""
    runs = finished(case.evidence)
    named = case.evidence.metadata.seeds
    least = 3 if record(case) else 1
    return len(seeds(runs)) >= max(least, len(named)) if runs else False


def _empty(log: Log, *, enough: bool) -> Finding | None:
    """Return what is wrong with a log that shows no finished run, None for a whole one."""
    if any(run.scores for run in log.runs):
        return None
    trouble = next(iter(log.troubles), None)
    steps = any(run.steps is not None and run.steps.value > 0 for run in log.runs)
    measured = any(run.metrics for run in log.runs)
    status: Status = "incomplete"
    if log.size == 0:
        said, line = "The log is empty", None
    elif trouble is not None and not steps and not measured:
        what, text = _TROUBLES[trouble.kind], shown(trouble.text, 80).rstrip(":.")
        said, line = f"This is no train log but {what}: {text}", trouble.line
        if trouble.kind in ("traceback", "killed"):  # a run was begun
            said = f"The log holds {what}, and neither a training step nor a score could be read from it: {text}"
        # Such a file under a log's name claims a run that it doesn't show.
        status = "hold"
    elif trouble is not None and trouble.kind == "summary":
        said, line = f"The log says of itself “{shown(trouble.text, 80)}”, and gives no final score", trouble.line
    elif trouble is not None:
        said = f"The log holds {_TROUBLES[trouble.kind]}, and no final score could be read from it"
        line = trouble.line
    elif steps or measured:
        said, line = "No final score in bits per byte could be read from the log", log.lines or None
    else:
        said, line = "No training step and no score in bits per byte could be read from the log", 1
    # An error message or a placeholder in a log's place is to be looked at whatever else there is.
    foreign = trouble is not None and trouble.kind in ("connection", "placeholder") and status == "hold"
    if enough and not foreign:
        said, status = f"{said}; other logs show final scores", "note"
    return Finding(SLUG, "evidence", status, f"{said}.", log.path, line, line)


def _first_of(findings: list[Finding], verb: tuple[str, str], what: str) -> Iterator[Finding]:
    """Yield the first finding of each status, with the number of further logs of which it says the same."""
    for status in dict.fromkeys(f.status for f in findings):
        alike = [f for f in findings if f.status == status]
        several = len(alike) > 2
        others = (
            f"{len(alike) - 1} more logs of runs behind the score {verb[1]}"
            if several
            else f"1 more log of a run behind the score {verb[0]}"
        )
        more = f" {others} {what}." if len(alike) > 1 else ""
        yield replace(alike[0], message=alike[0].message + more)


def _other_script(submitted: _Submitted, log: Log, *, decisive: bool) -> Iterator[Finding]:
    """Yield a finding when the script that a log embeds is not the submitted one; of several, none of them."""
    sources = [each for each in log.sources if each.text]
    texts = submitted.texts if sources and submitted.case.submission.script is not None else ()
    if not texts:
        return
    share, source, text = max(
        ((_alike(each.text or "", text), each, text) for each in sources for text in texts),
        key=lambda found: found[0],
    )
    embedded, lies_there = _lines(source.text or ""), _lines(text)
    if embedded == lies_there or (share >= _SAME_SOURCE and _said(source.text or "") == _said(text)):
        return  # the order aside, or comments
    other = share < _LIKE_SOURCE
    status: Status = "hold" if other and decisive else "note"
    gone, own = embedded - lies_there, lies_there - embedded
    message = (
        f"The log is of {'another' if other else 'another version of the'} script: of the {embedded.total():,} lines "
        f"with text that it embeds, {gone.total():,} {'is' if gone.total() == 1 else 'are'} not in what was submitted, "
        f"which has {own.total():,} that it doesn't embed."
    )
    first, last = source.first_line, _last(source)
    if share >= _SAME_SOURCE and (line := _first_line(source, gone)) is not None:
        first = last = line  # of few lines the first one says more than where the script begins
    yield Finding(SLUG, "evidence", status, message, log.path, first, last)


def _said(text: str) -> str:
    """Return what tells apart what two texts say to Python."""
    return digest(EmbeddedSource(1, 1, text.removeprefix("\ufeff")))


def _first_line(source: EmbeddedSource, lines: Counter[str]) -> int | None:
    """Return the first line of a log at which one of an embedded script's ``lines`` stands."""
    text = (source.text or "").split("\n")
    return next((source.first_line + n for n, line in enumerate(text) if line.strip() in lines), None)


def _other_size(submitted: _Submitted, log: Log) -> Iterator[Finding]:
    """Yield a note where a log counts other bytes of code than any of the script's layers has, but nearly as many."""
    case = submitted.case
    printed = next((code for run in log.runs if (code := run.last("code_bytes")) is not None), None)
    packed = case.evidence.sizes.counts_packed or any(run.all("code_bytes_packed") for run in log.runs)
    if printed is None or printed.line is None or packed:
        return
    sizes = dict.fromkeys(len(text.encode("utf-8")) for text in submitted.texts)
    near = [size for size in sizes if abs(size - printed.value) <= _NEAR_SIZE * size]
    among = {*sizes, *(len(text) for text in submitted.texts), *_with_helpers(case)}
    among |= {len(text.replace("\r\n", "\n").encode("utf-8")) for text in submitted.texts}
    if not near or printed.value in among or _before_what_is_no_code(submitted, round(printed.value)):
        return
    nearest = min(near, key=lambda size: abs(size - printed.value))
    has = f"{nearest:,}" if nearest == case.evidence.sizes.code_bytes else f"{nearest:,} unpacked"
    message = (
        f"The log counts {printed.value:,.0f} bytes of code, and the submitted script has {has}: the run may be of "
        "another version of it."
    )
    yield Finding(SLUG, "evidence", "note", message, log.path, printed.line, printed.line)


def _before_what_is_no_code(submitted: _Submitted, size: int) -> bool:
    """Tell whether the script's first ``size`` bytes end where what can't be parsed begins: a log pasted behind it."""
    program = submitted.case.program
    units = program.units.values() if program is not None else ()
    failing = {unit.failure.line for unit in units if unit.failure is not None and unit.failure.line is not None}
    for text in submitted.texts if failing else ():
        head = text.encode("utf-8")[:size]
        line = head.count(b"\n") + 1
        if head.endswith(b"\n") and failing.intersection(range(line, line + 3)):
            return True
    return False


def _with_helpers(case: Case) -> Iterator[int]:
    """Yield the script's bytes with those of the helpers that it reaches, and of all that lie beside it."""
    sizes = case.evidence.sizes
    own = sizes.code_bytes or 0
    yield own + sizes.helper_bytes
    yield own + sum(helper.size for helper in sizes.helpers)
    yield from (own + helper.size for helper in sizes.helpers)


def _last(source: EmbeddedSource) -> int:
    return min(source.last_line, source.first_line + 2)


class _Submitted(Struct, frozen=True, dict=True):
    """What was submitted, unpacked once for all logs that are held against it."""

    case: Case

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Return the submitted script and the folder's other Python files, each layer."""
        return tuple(_submitted(self.case))


def _submitted(case: Case) -> Iterator[str]:

    def sibling(path: str) -> bytes | None:
        try:
            return case.submission.tree.read(path, _LARGEST_SOURCE)
        except Unread:
            return None

    others = [path for path in case.submission.helpers if path.endswith(".py")]
    for path in (case.submission.script, *others):
        data = sibling(path) if path is not None else None
        if data is not None and path is not None:
            for layer in unpack(data, path, sibling).layers:
                yield layer.data.decode("utf-8", "replace")


def _alike(a: str, b: str) -> float:
    """Return the share of two texts' lines that they have in common, white space and order aside."""
    left, right = _lines(a), _lines(b)
    return (left & right).total() / max((left | right).total(), 1)


def _lines(text: str) -> Counter[str]:
    return Counter(stripped for line in text.removeprefix("\ufeff").splitlines() if (stripped := line.strip()))


def _other_seed(log: Log, claimed: Sequence[int]) -> Iterator[Finding]:
    """Yield a hold when a log of one run is named by another seed than it prints.

    Nothing where the printed one is claimed and the name's isn't: then the names count the runs.
    """
    if len(log.runs) != 1:
        return
    (run,) = log.runs
    named, printed = run.name_seed, run.logged_seed
    if named is None or printed is None or named.value == printed.value or not run.trained:
        return  # an evaluation alone prints a default; what it scores was trained elsewhere
    if printed.value in claimed and named.value not in claimed:
        return
    later = set(run.printed_seeds)
    base = "/".join(PurePosixPath(log.path).parts[-2:]).lower()
    others = {int(digits) for digits in re.findall(r"\d{1,12}", base)} - {named.value}
    if named.value in later or printed.value in others or not re.search(rf"seed\W?_?{named.value}(?!\d)", base):
        return  # printed later than the defaults, or another number of the name is the seed
    message = f"The file is named by seed {named.value}; the run printed seed {printed.value}."
    yield Finding(SLUG, "evidence", "hold", message, log.path, printed.line, printed.line)


def _summary(log: Log, *, needed: bool) -> Iterator[Finding]:
    """Yield a finding when a log says itself that it was put together by hand."""
    own = next((trouble for trouble in log.troubles if trouble.kind == "summary"), None)
    if own is None or any(run.last_line > own.line + _LONGEST_SUMMARY for run in log.runs):
        return  # a remark within a whole log
    message = f"The log says of itself “{shown(own.text, 100)}”: it may not be what the script wrote."
    yield Finding(SLUG, "evidence", "incomplete" if needed else "note", message, log.path, own.line, own.line)


def _nought(log: Log) -> Iterator[Finding]:
    """Yield a hold when a log gives 0.0 for a final score."""
    nought = next((trouble for trouble in log.troubles if trouble.kind == "nought"), None)
    if nought is not None:
        message = f"The log prints 0.0 for a score, which no model reaches: a placeholder, {shown(nought.text, 80)}."
        yield Finding(SLUG, "evidence", "hold", message, log.path, nought.line, nought.line)


def _one_seed(runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a hold when logs that are named by different seeds all print the same one."""
    named = [run for run in runs if run.logged_seed is not None and run.trained and _is_named_by_seed(run)]
    if any(run.name_seed.value in run.printed_seeds[1:] for run in named if run.name_seed):
        return  # printed after the defaults
    names = {run.name_seed.value for run in named if run.name_seed is not None}
    printed = {run.logged_seed.value for run in named if run.logged_seed is not None}
    if len(names) < _FEWEST_NAMES or len(printed) != 1:
        return
    first = next((run for run in named if run.name_seed != run.logged_seed), named[0])
    place = first.logged_seed
    message = f"{len(names)} logs are named by seeds {several(sorted(names))}, and each prints seed {printed.pop()}."
    line = place.line if place is not None else None
    yield Finding(SLUG, "evidence", "hold", message, first.path, line, line)


def _is_named_by_seed(run: Run) -> bool:
    """Tell whether a log's name states a seed, and not the number of a run, a stage or a setting."""
    seed = run.name_seed
    if seed is None:
        return False
    base = "/".join(PurePosixPath(run.path).parts[-2:]).lower()
    word = rf"seed[\W_]?0*{seed.value}(?!\d)"
    return re.search(word, base) is not None or seed.value >= _LEAST_LONE_SEED


def _clock_set_back(log: Log) -> Iterator[Finding]:
    """Yield a hold when the steps of a run go on while its training clock jumps back: two runs in one log."""
    for run in log.runs:
        steps = {v.line: v.value for v in run.numbers("step")}
        clocked = [(steps[v.line], v) for v in run.numbers("train_time") if v.line in steps]
        for (before, first), (after, then) in pairwise(clocked):
            lost = first.value - then.value
            if after > before and lost > max(_CLOCK_JUMP, first.value * _CLOCK_SHARE):
                message = (
                    f"The training clock jumps back from {first.value:.0f} s at step {before:.0f} to {then.value:.0f} "
                    f"s at step {after:.0f}: as if several runs were put together, or the log was edited."
                )
                yield Finding(SLUG, "evidence", "hold", message, log.path, then.line, then.line)
                break


def _repeated(case: Case) -> Iterator[Finding]:
    """Yield a hold for logs of different seeds that show the same scores to the last digit."""
    seen: dict[tuple[float, ...], Run] = {}
    for run in case.evidence.runs:
        metric = final(run)
        if metric is None or metric.decimals < 6 or run.seed is None:
            continue
        key = tuple(m.val_bpb for m in run.scores)
        first = seen.setdefault(key, run)
        if first.seed is not None and first.seed.value != run.seed.value and first.path != run.path and run.steps:
            message = (
                f"The runs of seeds {first.seed.value} and {run.seed.value} print the same score "
                f"{score(metric.val_bpb)} to the last digit ({shown(first.path, 60)})."
            )
            yield Finding(SLUG, "evidence", "hold", message, metric.path, metric.line, metric.line)


def _reused(case: Case) -> Iterator[Finding]:
    """Yield a hold when a log behind the score is another author's, a note when it is the author's own of before."""
    behind = {run.path for run in reported(case)}
    copies = [copy for copy in case.evidence.reused if copy.path in behind]
    for foreign in (True, False):
        alike = [copy for copy in copies if (copy.same_author is False) == foreign]
        if not alike:
            continue
        first = alike[0]
        where = "on the main branch before" if first.pr is None else f"in #{first.pr} before"
        whose = ", of another author" if foreign else ""
        message = (
            f"The log is byte for byte {shown(first.place, 120)}, which was {where}{whose}: whose run it shows a "
            "person must see."
        )
        steps = tuple(Step(copy.path, 1, f"the same as {shown(copy.place, 120)}") for copy in alike)
        yield Finding(SLUG, "evidence", "hold" if foreign else "note", message, first.path, 1, 1, trace=steps)


_OTHER = (
    '"""Another script."""\n' + "".join(f"def stage_{n}(x):\n    return x * {n}\n" for n in range(40)) + "exec('')\n"
)

RULE = Rule(
    slug=SLUG,
    title="Logs that show no run of the script",
    group="evidence",
    condition="package",
    summary="Every log must show training steps and a final score of the submitted script. Found are empty files, "
    "placeholders, error messages, logs that break off, that embed another script or whose clock runs backwards, "
    "scores that look typed in or that only a summary gives, files named by another seed than they print, and, read "
    "from a repository, logs that an earlier pull request submitted.",
    why="The log is the only evidence of a score. A file that merely has a log's name is none.",
    advice="Commit the log that the submitted script wrote, from its first line to its final score.",
    counterpart="A log that begins with the script itself and ends with its final score (#1493).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "a train log, automatically produced by your script"),
        Authority("#1509", "Copilot", "2026-04", "community", "the log of one seed is an ssh error message"),
    ),
    check=check,
    invalid=(
        Example(
            "an error message of ssh",
            SCRIPT,
            "Connection timed out",
            files=package(run_log(1), run_log(2), val_bpb=1.2)
            | {"train_seed3.log": "ssh: connect to host 192.0.2.7 port 22: Connection timed out\n"},
            status="hold",
        ),
        Example(
            "a placeholder",
            SCRIPT,
            "PLACEHOLDER",
            files={"train.log": "PLACEHOLDER: the log follows after the run\n"},
            status="hold",
        ),
        Example(
            "an error message among whole logs",
            SCRIPT,
            "Permission denied",
            files=package(run_log(1, 1.2), run_log(2, 1.201), run_log(3, 1.202), val_bpb=1.201)
            | {"train_seed3.log": run_log(3), "train_seed4.log": "Permission denied (publickey).\n"},
            status="hold",
        ),
        Example(
            "it breaks off",
            SCRIPT,
            "Total submission size",
            files={"train_seed1.log": run_log(1, None)},
            status="incomplete",
        ),
        Example(
            "it embeds another script",
            SCRIPT,
            "Another script",
            files={"train_seed1.log": _OTHER + "=" * 100 + "\n" + run_log(1)},
            status="hold",
        ),
        Example(
            "a summary by its own words",
            SCRIPT,
            "full logs were lost",
            files={"train_seed1.log": "# Put down by hand; the full logs were lost with the machine\n" + run_log(1)},
            status="incomplete",
        ),
        Example(
            "put together from two runs",
            SCRIPT,
            "train_time:300000ms",
            files={
                "train_seed1.log": run_log(1).replace(
                    "step:13000/",
                    "step:12000/20000 train_loss:2.9 train_time:595000ms\n"
                    "step:12500/20000 train_loss:2.9 train_time:300000ms\nstep:13000/",
                    1,
                )
            },
            status="hold",
        ),
        Example(
            "named by another seed",
            SCRIPT,
            "seed:1337",
            files={"train_seed42.log": run_log(1337)},
            status="hold",
        ),
    ),
    valid=(
        Example("steps and a final score", SCRIPT, files=package(run_log(1), val_bpb=1.2)),
        Example(
            "the submitted script stands above the run",
            _OTHER,
            files={"train_seed1.log": _OTHER + "=" * 100 + "\n" + run_log(1)},
        ),
        Example(
            "a broken log beside three whole ones",
            SCRIPT,
            files=package(run_log(1, 1.2), run_log(2, 1.201), run_log(3, 1.202), run_log(4, None), val_bpb=1.201),
        ),
        Example(
            "two runs in one file, named by the first",
            SCRIPT,
            files={"train_seed1.log": run_log(1, 1.2) + run_log(2, 1.201)},
        ),
    ),
    known_problems="A log that is made up well cannot be told from a real one. Another submission's log is only known "
    "again when it was not changed by a byte. Scripts that pack themselves after the "
    "run are compared with every readable file of the folder.",
)
