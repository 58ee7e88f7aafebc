"""The experiments on one submission: which runs they take, and what follows from them."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from auditor.evidence.read import read_evidence
from auditor.probe.answer import BITS, Bet, bet
from auditor.probe.cut import LEVELS, cut
from auditor.probe.future import Move, compared, shared
from auditor.probe.lab import Base, Lab, base_of, reach
from auditor.probe.model import EXPERIMENTS, ProbeReport, Result, Seen
from auditor.probe.passes import Pass, explaining
from auditor.probe.printed import claimed_kind
from auditor.probe.reported import counted, least, ratio, reported, stays, uncounted, weighed
from auditor.probe.run import Ran
from auditor.probe.scores import Placed, moved, placed
from auditor.probe.static import compare
from auditor.probe.tokens import BOUNDARY, COUNT, DOCUMENT, Draw, drawn, lowest
from auditor.probe.weighed import candidates, divided, per_token
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.regex import regex
from auditor.sandbox import Limits, Mechanism
from auditor.smoke.harness.shards import TRAIN_TOKENS
from auditor.smoke.plan import plan
from auditor.submission.model import Submission

SECONDS, MEMORY_BYTES = 240.0, 12 << 30
_TRIES = 5
_ANY = 2.0  # times as many bytes as the tokens have that a constant may count for other tokens
_AMOUNT = 4.0  # nats that are added to a value to see whether the score rests on it
_REACHED = 0.1  # of what was added, that has to reach the printed score
_FEWEST = 256  # tokens that have to be scored the same
_LINEAR = 0.05  # how far from all of it, for the values that are the score
_COUNT = 0.6  # how far, where the bytes that it is divided by are not known
_HEADER = regex(r"20240520|offset\s*=|\bheader\b|count\s*=\s*256|\[\s*(?:256|512)\s*:", re.I)
_ENDED = regex(r"size|shape|dimension|empty|enough|out of (?:range|bounds)|too (?:short|few|small)|tokens|shard", re.I)
"""What a script may say where its training data ended."""
_MISSING = regex(r"FileNotFoundError|does(?: not|n't) exist|no such file", re.I)
_NO_HEADER = regex(r"out of (?:range|bounds)|out of memory|index \d+")


def probe(
    submission: Submission,
    *,
    experiments: Collection[str] = EXPERIMENTS,
    seconds: float = SECONDS,
    memory_bytes: int = MEMORY_BYTES,
    seed: int | None = None,
    use: Mechanism | None = None,
) -> ProbeReport:
    """Run the experiments on one submission and return what they show.

    ``seconds`` and ``memory_bytes`` are the limits of each run; ``seed`` draws the tokens (None: new ones, as the
    script can't have them). Raises :class:`auditor.sandbox.NoSandbox` when nothing can hold the script.
    """
    chosen = [name for name in EXPERIMENTS if name in experiments]
    seed = secrets.randbits(48) if seed is None else seed
    blank = ProbeReport(submission.given, submission.name, None, "", (), seed)
    evidence = read_evidence(submission)
    planned = plan(submission, evidence)
    if isinstance(planned, str):
        return replace(blank, results=_skipped(chosen, planned))
    limits = Limits(
        wall_seconds=seconds, memory_bytes=memory_bytes, processes=1024, file_bytes=1 << 30, scratch_bytes=2 << 30,
        output_bytes=16 << 20,
    )  # fmt: skip
    begun = time.monotonic()
    lab = Lab(submission, planned, limits, use, claimed=claimed_kind(evidence))
    first = Draw(_part(seed, "shared"), _part(seed, "one"))
    told = _fit(lab, first)
    ran = lab.ran[-1]
    base = base_of(ran, first)
    results = _skipped(chosen, base) if isinstance(base, str) else _results(lab, base, seed, chosen)
    return replace(
        blank,
        script=planned.script,
        setting=lab.planned.setting,
        results=results,
        cut=(*told, *(e.text("what") for e in ran.events if e.name == "cut")),
        runs=len(lab.ran),
        seconds=round(time.monotonic() - begun, 2),
        memory=max(each.outcome.peak_memory for each in lab.ran),
        mechanism=ran.outcome.mechanism,
        stand_ins=tuple(dict.fromkeys(e.text("name") for e in ran.events if e.name == "stand-in")),
        printed=ran.printed.text if ran.printed else "",
        compared=compare(submission, results),
    )


def _part(seed: int, role: str) -> int:
    """Return the seed of one part of the tokens: from it nobody in a sandbox can tell another part's."""
    return int.from_bytes(hashlib.sha256(f"{seed} {role}".encode()).digest()[:6], "big")


def _skipped(chosen: Collection[str], reason: str) -> tuple[Result, ...]:
    return tuple(Result(name, "SKIP", reason) for name in chosen)


def _fit(lab: Lab, draw: Draw) -> tuple[str, ...]:
    """Run the script ever less cut, and at its defaults, until it goes to its end; return what was set for that."""
    source = _text(lab.submission)
    whole = lab.planned
    lab.bare = not _HEADER.search(source)
    told: tuple[str, ...] = ()
    seen: set[tuple[object, ...]] = set()
    plans = [whole, whole.at_defaults()] if whole.environment or whole.arguments else [whole]
    while plans:
        planned = plans.pop(0)
        failed = ""
        for level in range(LEVELS):
            made = cut(planned, source, level)
            key = (made.plan.arguments, tuple(sorted(made.plan.environment.items())))
            if key in seen:
                continue
            seen.add(key)
            lab.planned, told = made.plan, made.told
            ran = lab.run(draw)
            if ran.trouble is not None and _NO_HEADER.search(ran.trouble) and not ran.sites:
                lab.bare = not lab.bare
                ran = lab.run(draw)
                if ran.trouble is not None:
                    lab.bare = not lab.bare
            if ran.trouble is None or len(lab.ran) > _TRIES or not _worth_another(ran):
                return told
            if lab.train < TRAIN_TOKENS and _ENDED.search(ran.trouble):
                lab.train = TRAIN_TOKENS
                if lab.run(draw).trouble is None:
                    return told
            again, failed = ran.trouble == failed, ran.trouble
            if again or _MISSING.search(failed):  # it isn't the size
                break
        if planned is whole and _MISSING.search(failed):  # maybe what a documented path names
            plans.insert(0, whole.without_paths())
    return told


def _worth_another(ran: Ran) -> bool:
    """Tell whether a run that didn't finish may do so at other settings."""
    failed = next((e for e in ran.events if e.name == "failed"), None)
    return failed is not None and failed.text("cause") in ("script", "exit", "data")


def _text(submission: Submission) -> str:
    loaded = load_program(submission)
    return "\n".join(unit.source.text for unit in loaded.units.values()) if isinstance(loaded, Program) else ""


@dataclass
class _Score:
    """The ``passes`` of the first run, and which of them the printed score is.

    It is the one that adds up to it (``summed``); where none does, one that the script was asked about, whose losses
    are divided by ``per_token`` each.
    """

    lab: Lab
    base: Base
    summed: Pass | None
    passes: list[Pass]
    per_token: float | None = None
    _asked: bool = False
    _found: Pass | None = None

    def find(self) -> Pass | None:
        """Return the pass; None where none was seen. The first time, it may take a run or two."""
        if self.summed is not None or self._asked:
            return self.summed or self._found
        self._asked = True
        for each in candidates(self.passes):
            nudged = self.lab.run(self.base.draw, {each.placed.site.name: [each.span]}, 1.0)
            told = divided(each, self.passes, self.base.printed, nudged.printed)
            if told is not None:
                self._found, self.per_token = told
                break
        return self._found


def _results(lab: Lab, base: Base, seed: int, chosen: Collection[str]) -> tuple[Result, ...]:
    score = _Score(lab, base, *explaining(base.placed, base.printed, base.sizes))
    out: dict[str, Result] = {}
    later = _future(lab, base, seed, score)
    out["future"] = later
    out["order"] = _order(later)
    if "answer" in chosen:
        out["answer"] = _answer(lab, base, later, score)
    if "reported" in chosen:
        out["reported"] = _reported(lab, base, seed, score)
    return tuple(out[name] for name in chosen)


def _future(lab: Lab, base: Base, seed: int, score: _Score) -> Result:
    draw = Draw(base.draw.seed, _part(seed, "other"), repeats=True)
    other = lab.run(draw)
    if other.trouble is not None:
        return Result("future", "SKIP", f"the run with another future didn't finish: {other.trouble}")
    there = placed(other.sites, draw.tokens(base.size).astype(np.int64))
    moves, _ = compared(base.placed, there)
    if not moves:
        return _unmoved(base, there, score.find())
    tokens = max(move.tokens for move in moves)
    nudged = lab.run(base.draw, {move.name: [*move.spans] for move in moves}, _AMOUNT)
    # What is added comes after what is written down: without chance that is what it was.
    if nudged.trouble is None and _trembling(base, nudged, moves):
        again = lab.run(base.draw)
        if again.trouble is not None:
            return Result("future", "SKIP", f"the same run again didn't finish: {again.trouble}")
        trembling = _trembling(base, again, moves)
        if trembling:
            return Result("future", "SKIP", f"two runs with the same tokens differ at {trembling}")
    arrived = reach(base, nudged)
    if arrived is None:
        return Result("future", "SKIP", f"the run that asks what the score rests on didn't finish: {nudged.trouble}")
    if arrived < _REACHED * _AMOUNT * tokens:
        if score.find() is None:
            return Result(
                "future",
                "SKIP",
                "values moved that the printed score doesn't rest on; those that it does were not seen",
            )
        return _unmoved(base, there, score.find(), moves)
    top = moves[0]
    place = base.placed[top.name].site.place
    reason = (
        f"token {top.position:,} is given {top.before:.6g} where one future follows and {top.after:.6g} where another "
        f"does; so are {tokens:,} of {BOUNDARY:,} tokens before it, and the printed score rests on them"
    )
    seen = Seen(top.position, top.before, top.after)
    return Result("future", "FAIL", reason, place, seen, tokens=tokens, rescored=top.rescored)


def _unmoved(base: Base, there: dict[str, Placed], found: Pass | None, moves: Collection[Move] = ()) -> Result:
    """Return PASS where the values that add up to the printed score are among those that were compared."""
    if found is None or found.placed.site.name not in there:
        return Result(
            "future",
            "SKIP",
            "nothing moved, but no values that were seen add up to the printed score",
        )
    tokens = len(np.unique(found.placed.positions[shared(found.placed)]))
    if tokens < _FEWEST:
        return Result(
            "future", "SKIP", "too few of the tokens that were scored are known to come before the two futures"
        )
    aside = f"; what moved at {len(moves)} other lines is not in the score" if moves else ""
    reason = f"{tokens:,} tokens are scored the same, whichever of two futures follows{aside}"
    return Result("future", "PASS", reason, found.placed.site.place, tokens=tokens)


def _trembling(base: Base, again: Ran, moves: Collection[Move]) -> str:
    """Return the first site that moved by itself, empty where the same tokens give the same values.

    Values that are computed of others that were added to don't tell: those are asked that know their tokens, as
    losses do, which nothing was added to before, and the first in any case.
    """
    for move in (move for at, move in enumerate(moves) if at == 0 or base.placed[move.name].exact):
        site, there = base.placed[move.name].site, again.sites.get(move.name)
        if there is None or len(there.values) != len(site.values) or moved(site.values, there.values).any():
            return site.place
    return ""


def _order(later: Result) -> Result:
    """Return whether a token is scored again and reported after it was learned from, as the future experiment saw."""
    if later.status == "SKIP":
        return replace(later, experiment="order")
    if later.status == "FAIL" and later.rescored:
        return replace(later, experiment="order", reason=f"scored before, and again with what followed: {later.reason}")
    reason = (
        "no token's later score is reported in place of its first"
        if later.status == "PASS"
        else "each token has one score, though it knows the future"
    )
    return Result("order", "PASS", reason, later.place, tokens=later.tokens)


def _answer(lab: Lab, base: Base, later: Result, score: _Score) -> Result:
    if later.status == "FAIL":
        return Result("answer", "SKIP", "what is scored knows the future, and so may know the answer")
    found = score.find()
    if found is None:
        return Result("answer", "SKIP", "no values that were seen add up to the printed score")
    shown = _bet(base, found)
    place = found.placed.site.place
    total = f"{shown.total:.4f} on average over {shown.tokens:,} tokens drawn among {base.size - lowest(base.size):,}"
    if shown.bits < BITS:
        reason = f"the probabilities of all candidates sum to {total}"
        return Result("answer", "PASS", reason, place, None, shown.total, shown.bits, shown.tokens)
    if score.per_token is None:  # a pass that was asked about is the score
        nudged = lab.run(base.draw, {found.placed.site.name: [found.span]}, 1.0)
        nats = reach(base, nudged)
        if nats is None:
            reason = f"the run that asks what the score rests on didn't finish: {nudged.trouble}"
            return Result("answer", "SKIP", reason)
        unit = float(np.log(2.0)) if found.placed.site.kind == "log2" else 1.0
        arrived = nats / unit / len(found.positions)
        nothing = not found.nats.any()  # then the score tells no count of bytes, by which less or more may arrive
        if abs(arrived - 1.0) > (_LINEAR if not nothing else _COUNT):
            reason = f"what sums to more than one is not what is reported: of 1, {arrived:.2f} arrives"
            return Result("answer", "SKIP", reason, place)
    reason = (
        f"the probabilities of all candidates sum to {total}: odds of 2^{shown.bits:.0f} against any that sum to one"
    )
    return Result("answer", "FAIL", reason, place, None, shown.total, shown.bits, shown.tokens)


def _bet(base: Base, found: Pass) -> Bet:
    """Return the bet on a pass's drawn tokens; where places are only near, none near a start of a document."""
    free = drawn(base.tokens)
    if not found.placed.exact:
        near = 8 + abs(COUNT - len(found.positions)) // 4
        at = np.arange(COUNT) % DOCUMENT
        free = (at > near) & (at < DOCUMENT - near)
    return bet(found.nats[free[found.positions]], base.size - lowest(base.size))


def _reported(lab: Lab, base: Base, seed: int, score: _Score) -> Result:
    printed = base.printed
    each = counted(printed)
    none = uncounted(each, base.sizes, base.size)
    if none is not None:
        return none
    wrong = ratio(each, base.sizes)
    if wrong is not None and each is not None:
        return _confirmed(lab, base, seed, wrong, lambda there: (each, counted(there.printed)))
    if score.summed is not None:
        return reported(score.summed, printed, base.sizes)
    found, each = score.find(), score.per_token
    if found is not None and each is not None:
        none = uncounted(each, base.sizes, base.size) if printed.bpb is not None else None
        result = none or weighed(found, each, printed, base.sizes)
        if result.status != "FAIL":
            return result
        return _confirmed(lab, base, seed, result, lambda there: (each, per_token(found, there)))
    low = least(printed, _covered(base) & drawn(base.tokens), base.sizes, base.size)
    if low is not None:
        return _confirmed(lab, base, seed, low, lambda there: _costs(base, there))
    return Result("reported", "SKIP", "no values that were seen add up to the printed score")


def _costs(base: Base, there: Base) -> tuple[float | None, float | None]:
    """Return the bytes per token that two scores would count if their losses were as low as losses can be."""
    here, now = base.printed.bpb, there.printed.bpb
    bits = float(np.log2(base.size - lowest(base.size)))
    return bits / (here or 1e-9), bits / (now or 1e-9) if now is not None else None


def _confirmed(
    lab: Lab, base: Base, seed: int, result: Result, both: Callable[[Base], tuple[float | None, float | None]]
) -> Result:
    """Return a failure as it is where tokens that are no single bytes show it, too; else as a SKIP.

    Single bytes are many in the first set and few in real text. And a constant, which doesn't go with the bytes of the
    tokens, may be right for those that it was counted of. ``both`` gives the bytes per token that the two runs count.
    """
    if any("bytes" in e.text("name") for e in base.ran.events if e.name == "stand-in"):
        return replace(result, status="SKIP", reason="bytes are read from a file that is made up here")
    draw = Draw(_part(seed, "text"), _part(seed, "more text"), pieces=True)
    there = base_of(lab.run(draw), draw)
    here, now = both(there) if isinstance(there, Base) else (None, None)
    if isinstance(there, str) or here is None or now is None:
        but = "with other tokens the run told nothing"
    elif here < _ANY * base.sizes[1:].mean() and stays(here, now):
        but = "but whatever the tokens are, as many bytes are counted, which real ones may have"
    elif ratio(now, there.sizes) is None:
        but = "but among tokens that are no single bytes, as real ones are, the count is right"
    else:
        return result
    return replace(result, status="SKIP", reason=f"{result.reason}; {but}")


def _covered(base: Base) -> npt.NDArray[np.bool_]:
    """Return which tokens of the set some site scores; where none tells, all but two sequences at the end."""
    out = np.zeros(COUNT, dtype=bool)
    for each in base.placed.values():
        if each.exact:
            out[each.positions[each.positions >= 0]] = True
    if not out.any():
        out[: COUNT - 2 * 2048] = True
    return out
