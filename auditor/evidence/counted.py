"""Which runs a claimed score rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from msgspec import Struct

from auditor.evidence.claims import Claim
from auditor.evidence.model import Evidence
from auditor.evidence.printed import Metric
from auditor.evidence.rounding import agrees
from auditor.evidence.run import Run
from auditor.evidence.series import ONE_CONFIG, final, kind
from auditor.regex import regex
from auditor.report import MeasuredRun

_EXACT = 6e-5  # bits per byte: half a unit of the fourth decimal, the shortest claim seen
ONE_EVALUATION = 0.02  # bits per byte: seeds of one configuration, evaluated in one way, lie closer to their mean
_TELLING_DIGITS = 6  # decimals of a score that two runs do not share by chance
_FEWEST_SEEDS = 2  # whose scores single runs out
# A number, or what tells one run from another: hexadecimal digits of some length.
_DIGITS = regex(r"(?<![0-9a-z.])(?=[a-f]{0,40}\d)[0-9a-f]{6,40}(?![0-9a-z.,])|\d+")


class Counted(Struct, frozen=True):
    """A run that counts, and the line of it that does.

    ``claimed`` is True when that line prints what is claimed: for its seed, for the submission, or as a part of
    the claimed mean; also when another score is claimed for its seed, beside seeds whose logs print theirs. Otherwise
    the run counts for want of better.
    """

    run: Run
    score: Metric
    claimed: bool

    @property
    def exact(self) -> Metric:
        """Return the score with all digits that the run prints of it: a line often comes in a short and a long form."""
        half = 0.5 * 10.0**-self.score.decimals + 1e-12
        longer = [m for m in self.run.scores if m.decimals > self.score.decimals]
        twins = [m for m in longer if abs(m.val_bpb - self.score.val_bpb) <= half]
        return max(twins, key=lambda m: m.decimals, default=self.score)


def counted_runs(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs behind the claimed score, each once; all with a final score when no log prints the claim."""
    return _tellings_once(_all_counted(evidence))


def _tellings_once(counted: Iterable[Counted]) -> tuple[Counted, ...]:
    """Return the runs, each once: a launcher's log and the script's own tell of one run."""
    once: dict[tuple[object, ...], list[Counted]] = {}
    for each in counted:
        key = identity(each.run) if each.run.metrics else (each.run.path, each.run.first_line)
        tellings = once.setdefault(key, [])
        at = next((i for i, other in enumerate(tellings) if not are_apart(each.run, other.run)), None)
        if at is None:
            tellings.append(each)
        elif _tells_more(each.run, tellings[at].run):
            tellings[at] = each
    return tuple(each for tellings in once.values() for each in tellings)


def identity(run: Run) -> tuple[object, ...]:
    """Return what two tellings of one run share: its scores, and its seed where scores of few digits may coincide."""
    scores = run.scores or run.metrics
    digits = max(m.decimals for m in scores)
    values = frozenset(m.val_bpb for m in scores if m.decimals == digits)
    seed = run.seed.value if run.seed is not None and digits < _TELLING_DIGITS else None
    return (values, seed)


def are_apart(one: Run, other: Run) -> bool:
    """Tell whether runs of one identity are two: they print different seeds, and with these other times or sizes."""
    a, b = one.logged_seed, other.logged_seed
    if a is None or b is None or a.value == b.value:
        return False
    return any(
        x is not None and y is not None and x.value != y.value
        for x, y in ((one.train_seconds, other.train_seconds), (one.packed_model_bytes, other.packed_model_bytes))
    )


def _tells_more(run: Run, other: Run) -> bool:
    """Tell whether of two tellings of a run this one times its training, and the other doesn't."""
    return run.train_seconds is not None and other.train_seconds is None


def _all_counted(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the counted runs, one that several files tell of as often."""
    found = (
        singled_out(evidence)
        or _of_the_mean(evidence)
        or _of_another(evidence)
        or _of_named_seeds(evidence)
        or _of_one(evidence)
    )
    if found:
        return found
    return tuple(Counted(run, run.scores[-1], False) for run in evidence.runs if run.scores)


def measured_runs(evidence: Evidence) -> tuple[MeasuredRun, ...]:
    """Return the runs as a report shows them, with the score that is claimed of each, where it prints that."""
    claimed = {id(each.run): each.exact for each in _all_counted(evidence) if each.claimed}
    return tuple(run.measured(evidence.sizes.code_bytes, claimed.get(id(run))) for run in evidence.runs)


def training_runs(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs that trained what the counted ones score, each once: themselves, or their seed's own log."""
    return _tellings_once(_training(evidence))


def _training(evidence: Evidence) -> tuple[Counted, ...]:
    counted = _all_counted(evidence)
    out = [each for each in counted if each.run.train_seconds is not None]
    seeds = {each.run.seed.value for each in out if each.run.seed is not None}
    for each in counted:
        seed = each.run.seed
        if each.run.train_seconds is not None or seed is None or seed.value in seeds:
            continue
        logs = [r for r in evidence.runs if r.train_seconds and r.seed and r.seed.value == seed.value]
        out += [Counted(run, each.score, each.claimed and len(logs) == 1) for run in logs]
        seeds.add(seed.value)
    return _once(evidence, out)


def _once(evidence: Evidence, runs: Iterable[Counted]) -> tuple[Counted, ...]:
    """Return the runs, those of a log that lies in the folder twice once."""
    blobs = {log.path: log.blob for log in evidence.logs}
    once: dict[tuple[str, int], Counted] = {}
    for each in runs:
        once.setdefault((blobs.get(each.run.path, each.run.path), each.run.first_line), each)
    return tuple(once.values())


def claimed_logs(evidence: Evidence) -> tuple[str, ...]:
    """Return the paths of the logs that print what is claimed (none when no log does)."""
    return tuple(dict.fromkeys(each.run.path for each in _all_counted(evidence) if each.claimed))


def training_logs(evidence: Evidence) -> tuple[str, ...]:
    """Return the paths of the logs of the runs that trained what the claimed score was measured on."""
    return tuple(dict.fromkeys(each.run.path for each in _training(evidence) if each.claimed))


def singled_out(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the one run of each seed that submission.json's scores of the seeds tell from the seed's other runs.

    Nothing where no seed was run several times, or where those scores aren't what the claimed one is the mean of.
    """
    each = {c.seed: c for c in evidence.metadata.all("val_bpb", per_seed=True) if c.seed is not None}
    lead = evidence.leading()
    if len(each) < _FEWEST_SEEDS or lead is None or abs(fmean(c.value for c in each.values()) - lead.value) > _EXACT:
        return ()
    hits = _of_their_seeds(evidence)
    owners = {hit.run.seed.value for hit in hits if hit.run.seed is not None}
    those = _tellings_once(hits)
    others = {identity(run) for run in evidence.runs if run.scores and run.seed and run.seed.value in owners}
    one_each = len(those) == len(owners) == len(each)
    return hits if one_each and len(others) > len(those) else ()


def _of_the_mean(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs whose lines of one kind have the claimed score as their mean."""
    claimed = evidence.claims().val_bpb
    if claimed is None:
        return ()
    seeds = frozenset(evidence.claims().seeds)
    for group in _kinds(evidence).values():
        named = [c for c in group if c.run.seed is not None and c.run.seed.value in seeds]
        for some in (named, group):
            if len(some) > 1 and abs(fmean(c.score.val_bpb for c in some) - claimed) <= _EXACT:
                return tuple(some)
    return ()


def _of_their_seeds(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs that print what is claimed for their seed, by the leading claim that any of them prints."""
    each = evidence.metadata.all("val_bpb", per_seed=True) or evidence.readme.all("val_bpb", per_seed=True)
    claims = _of_the_claimed(each, evidence.metadata.first("val_bpb"))
    by_seed: dict[int, list[Run]] = {}
    for run in evidence.runs:
        if run.seed is not None:
            by_seed.setdefault(run.seed.value, []).append(run)
    out: dict[int, list[Counted]] = {}
    for claim in claims:
        if claim.seed is None or claim.seed in out:
            continue
        hits = [
            Counted(run, hit, True)
            for run in by_seed.get(claim.seed, ())
            if (hit := _last(m for m in run.scores if abs(m.val_bpb - claim.value) <= _EXACT)) is not None
        ]
        if hits:
            out[claim.seed] = hits
    # Scores of some seeds, far from the claimed one, are not what it is the mean of.
    whole, scores = evidence.metadata.first("val_bpb"), [hit.score.val_bpb for hits in out.values() for hit in hits]
    if whole is not None and scores and len(out) < len({claim.seed for claim in claims}):
        near = any(abs(score - whole.value) <= ONE_CONFIG for score in scores)
        out = out if near else {}
    return tuple(each for hits in out.values() for each in hits)


def _of_named_seeds(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs of the claim's seeds: those that print their score, and the one run of a seed that doesn't.

    A seed whose log contradicts its claim is a part of the claimed mean all the same.
    """
    hits = _of_their_seeds(evidence)
    each = _of_the_claimed(evidence.metadata.all("val_bpb", per_seed=True), evidence.metadata.first("val_bpb"))
    wanted = {c.seed: c for c in each if c.seed is not None} if hits else {}
    found = {hit.run.seed.value for hit in hits if hit.run.seed is not None}
    kinds, others = {kind(hit.score) for hit in hits}, []
    for seed, claim in wanted.items():
        if seed in found:
            continue
        runs = [run for run in evidence.runs if run.seed is not None and run.seed.value == seed and run.scores]
        if len({identity(run) for run in runs}) != 1:
            continue
        score = _last(m for m in runs[0].scores if kind(m) in kinds) or final(runs[0])
        if score is not None and abs(score.val_bpb - claim.value) <= ONE_EVALUATION:
            others.append(Counted(runs[0], score, True))
    return (*hits, *others)


def _of_another(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the run that prints what submission.json claims, where the README's seeds are all of other runs."""
    claim = evidence.metadata.first("val_bpb")
    if claim is None or evidence.metadata.all("val_bpb", per_seed=True):
        return ()
    one, others = _of_one(evidence), _of_their_seeds(evidence)
    if not others or len({each.run.path for each in one}) != 1:
        return ()
    mean = fmean(each.score.val_bpb for each in others)
    apart = all(each.run is not other.run for each in one for other in others)
    return one if apart and abs(mean - claim.value) > _EXACT else ()


def _of_the_claimed(claims: Sequence[Claim[float]], whole: Claim[float] | None) -> list[Claim[float]]:
    """Return the claims of seeds whose mean may be the claimed one: not those of an evaluation named beside it."""
    kinds: dict[str, list[Claim[float]]] = {}  # by the field of submission.json, by the column of the README
    for claim in claims:
        kinds.setdefault(claim.key.rpartition(".")[0], []).append(claim)
    far = [k for k in kinds.values() if whole and abs(fmean(c.value for c in k) - whole.value) > ONE_EVALUATION]
    return list(claims) if len(far) == len(kinds) else [c for c in claims if not any(c in k for k in far)]


def _of_one(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs that print the claimed score as their own."""
    claim = evidence.leading()
    if claim is None:
        return ()
    alone = [c for group in _kinds(evidence).values() for c in group]
    # A claim of many digits tells runs apart that its first ones don't.
    hits = [c for c in alone if agrees(claim, c.score.val_bpb, (c.score,))]
    hits = hits or [c for c in alone if abs(c.score.val_bpb - claim.value) <= _EXACT]
    return tuple({(c.run.path, c.run.first_line): c for c in hits}.values())


def _kinds(evidence: Evidence) -> dict[str, list[Counted]]:
    """Return every run's last final line of each kind, by the words that the kind is printed with."""
    groups: dict[str, list[Counted]] = {}
    for run in evidence.runs:
        for label, metric in {_DIGITS.sub("", m.label): m for m in run.scores}.items():
            groups.setdefault(label, []).append(Counted(run, metric, True))
    return groups


def _last(metrics: Iterable[Metric]) -> Metric | None:
    found = None
    for metric in metrics:
        found = metric
    return found
