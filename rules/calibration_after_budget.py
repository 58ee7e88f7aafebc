"""Training data read for calibration when the training time is used up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from auditor.case import Case
from auditor.challenge.model import Time
from auditor.evidence.counted import training_runs
from auditor.evidence.model import Evidence
from auditor.finding import Finding, Status
from auditor.fix.change import Change
from auditor.fix.switches import default_of, literal_edit
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.events import Adapt, Timeline
from auditor.timeline.trackers.calibration.found import (
    Calibration,
    adapted_before,
    calibrations,
    deadlines,
    path_of,
    place_of,
)
from rules.gravest import gravest
from rules.limits import time
from rules.torch_scripts import EVALUATE, HEAD, REPORT

SLUG = "calibration-after-budget"

SLACK = 0.05  # seconds: a stop that close to the budget keeps no reserve
EARLY = 1.0  # seconds: a logged stop that far below the budget had another cap
TOLERATED = 15.0  # seconds beyond the budget, with a reserve: accepted rows overshoot by up to so much
_OTHERWISE = 1.5  # times: a logged stop that far beyond a setting's cap had another one
_USUAL_RESERVE = 14  # seconds, where no log times the calibration: #1060 stops at 586 s
_LEAST_RESERVE = 2
_BEFORE = (
    "Calibrate before that adaptation and inside the 600 s, or on text that the model itself generates; a reserve of "
    "seconds doesn't cover both."
)
_UNTIMED = "as #1060 does (no log was seen to time the calibration)"


class Clock(Struct, frozen=True):
    """When training stops before a calibration, in seconds; ``over`` is how far the logs show both to pass the budget.

    ``stop`` is None where neither the code nor a log says; ``over`` None where no log times the calibration, and
    ``longest`` is the training and the calibration of the one that takes the longest.
    """

    stop: float | None
    bits: int
    over: float | None
    longest: tuple[float, float]
    where: str


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each calibration on training data that the 600 s don't cover."""
    yield from gravest(_found(case))


def _found(case: Case) -> Iterator[Finding]:
    timeline = case.timeline
    if timeline is None:
        return
    for found in calibrations(timeline, "train"):
        site = place_of(found)
        clock = _clock(timeline, found, case.evidence, time(case).train_seconds)
        if case.submission.track == "non-record" and _unlimited(case.evidence):
            continue
        ruled = _rule(found, clock, time(case), official=case.submission.track != "non-record")
        adapted = adapted_before(timeline, found) if ruled is None or ruled[0] == "note" else None
        late = _after_adaptation(case, adapted, clock) if adapted is not None else None
        ruled = late or ruled
        if ruled is None:
            continue
        status, message = ruled
        beside = [adapted] if adapted is not None and late is not None else []
        judged = activity(timeline, clock.bits, [found.apply, found.use], beside)
        worst: Status = status if judged.status == "violation" else judged.status if status == "violation" else "note"
        because = "; ".join(part for part in (clock.where, judged.because) if part)
        told = replace(judged, because=because).found(
            site,
            rule=SLUG,
            status=worst,
            message=message,
            trace=tuple(path_of(found, "the model runs on training tokens")),
        )
        yield told if late is None else dataclasses.replace(told, advice=_BEFORE)


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the change of the training time that leaves room for the calibration, by the logs' own times.

    None where a log shows that a run calibrated too late, for only another run mends that; and where an adaptation
    stands between the two, which no reserve covers.
    """
    if case.timeline is None or finding.status == "note" or finding.advice == _BEFORE:
        return None
    measured, budget = _measured(case.evidence), time(case).train_seconds
    times = [took for _, took in measured if took is not None]
    if any(stop + took > budget for stop, took in measured if took is not None):
        return None
    what = "calibration"
    if not times:  # some print one time for all that comes before the artifact
        what = "calibration and quantisation"
        times = [v.value for run in training_runs(case.evidence) if (v := run.run.last("gptq_time")) is not None]
    reserve = max(ceil(max(times)) + 1, _LEAST_RESERVE) if times else _USUAL_RESERVE
    said = f"as long as the logs' {what} took ({max(times):.1f} s) and a second" if times else _UNTIMED
    switches = [s for s in case.timeline.switches.values() if not s.launched and _is_budget(s.default, budget)]
    if len(switches) != 1:
        return None
    (switch,) = switches
    default = default_of(case, switch)
    if default is None or not _is_budget(str(default.value), budget):
        return None
    stop = f"{budget - reserve:.0f}" + (".0" if "." in str(default.value) else "")
    edit = literal_edit(switch.site.source, default, stop)
    if edit is None:
        return None
    effect = f"Training has {reserve} s less, so the score gets worse by what these gain; only a new run tells."
    return Change(f"Stop training {reserve} s earlier, {said}", "unsafe", (edit,), effect)


def _is_budget(text: str, budget: float) -> bool:
    try:
        return float(text) == budget
    except ValueError:
        return False


def _unlimited(evidence: Evidence) -> bool:
    """Return whether the submission declares unlimited compute, as one off the record track may."""
    texts = (evidence.metadata.text(key) for key in ("track", "name", "blurb", "notes", "summary"))
    return any(text is not None and "unlimited" in text.value.lower() for text in texts)


def _rule(found: Calibration, clock: Clock, limit: Time, *, official: bool) -> tuple[Status, str] | None:
    """Return the status and the sentence of a calibration, None when the clock covers it."""
    what = "Training data is read for calibration after the training loop has ended"
    stop, budget = clock.stop, limit.train_seconds
    if found.way == "chosen" and not found.apply.watched:
        return "note", f"{what}: a value is chosen by its loss on training tokens."
    if stop is not None and stop > limit.other_budget:
        return "note", f"{what}; this run does not train under the {budget:.0f} s of the record track."
    if stop is None:
        return "note", f"{what}; when training stops could not be told."
    if stop >= budget - SLACK:
        if clock.over is not None and clock.over <= 0:
            return "note", f"{what}; the logs show that training stops early enough for it."
        if not official:
            return (
                "hold",
                f"{what}, which uses up the {budget:.0f} s; no ruling says what that means off the record track.",
            )
        late = "" if clock.over is None else f", {clock.over:.1f} s beyond the {budget:.0f} s by the logs"
        return "violation", f"{what}, which uses up the {budget:.0f} s: this counts as evaluation{late}."
    if clock.over is None or clock.over <= 0:
        return None
    trained, took = clock.longest
    over = (
        f"{what}; it is to stop at {stop:.1f} s, but a log has {trained:.1f} s of training and {took:.1f} s of "
        f"calibration, {clock.over:.1f} s too much"
    )
    if clock.over <= TOLERATED:
        return "note", f"{over}. Accepted rows overshoot by seconds too (#1855, #2135)."
    return "hold", f"{over}."


def _after_adaptation(case: Case, adapted: Adapt, clock: Clock) -> tuple[Status, str] | None:
    """Return the status and the sentence of a calibration before which the model is adapted to validation tokens.

    A reserve is for what makes the artifact; by the logs' times, or perhaps, it is used up by then.
    """
    budget, stop = time(case).train_seconds, clock.stop
    if stop is None or stop > time(case).other_budget or case.submission.track == "non-record":
        return None
    trained, took = max(_adaptations(case.evidence), key=lambda each: (each[0] or stop) + each[1], default=(None, 0.0))
    late = (stop if trained is None else trained) + took - budget
    what = (
        "Training data is read for calibration after the training loop has ended and after the model was adapted to "
        f"validation tokens (line {adapted.site.line})"
    )
    if late > TOLERATED:
        timed = (
            f"training stops at {stop:.1f} s, and a log has {took:.1f} s for the adaptation"
            if trained is None
            else f"a log has {trained:.1f} s of training and {took:.1f} s of adaptation"
        )
        return "violation", f"{what}: {timed}, so that the calibration begins {late:.1f} s beyond the {budget:.0f} s."
    return "hold", f"{what}; that it begins within the {budget:.0f} s could not be shown."


def _adaptations(evidence: Evidence) -> Iterator[tuple[float | None, float]]:
    """Yield when each run stopped training (None: no log says) and how long it adapted the model, in seconds."""
    for each in training_runs(evidence):
        stop = each.run.last("stop_time")
        took = max((v.value for v in each.run.numbers("prequant_time")), default=None)
        if took is not None:
            yield None if stop is None else stop.value, took


def _clock(timeline: Timeline, found: Calibration, evidence: Evidence, budget: float) -> Clock:
    """Return the clock of the runs: as logged, else as documented, else by the script's defaults."""
    stops, site = deadlines(timeline, found.apply)
    at = "" if site is None else f"at {site.source.path}:{site.line}"
    if site is not None and site.source.layer:
        at = f"{at} (layer {site.source.layer})"
    where = f"the clock is compared {at}" if at else ""
    measured = _measured(evidence)
    timed = [(stop, took) for stop, took in measured if took is not None]
    longest = max(timed, key=sum, default=(0.0, 0.0))
    over = sum(longest) - budget if timed else None
    logged = max((stop for stop, _ in measured), default=None)
    for kind in ("log", "command", "defaults"):
        bits = 0
        latest: float | None = None
        for index, setting in enumerate(timeline.settings):
            bit = 1 << (index + 1)
            stop = stops[index]
            if setting.kind == kind and stop is not None and found.bits & bit:
                bits |= bit
                latest = stop if latest is None else max(latest, stop)
        if latest is not None:
            if logged is not None and logged > _OTHERWISE * latest:
                continue  # the runs that count had another cap: that of a try-out in the same log, for one
            where = f"the clock is compared with {latest:g} s {at}" if at else ""
            if logged is not None and logged < budget - EARLY and latest >= budget - SLACK:
                where = f"{where}; the logs stop at {logged:.1f} s"
                latest = logged
            return Clock(latest, bits, over, longest, where)
    return Clock(logged, found.bits, over, longest, where)


def _measured(evidence: Evidence) -> Sequence[tuple[float, float | None]]:
    """Return when each run stopped training and how long its calibration took (None: not timed), in seconds.

    The runs behind the claimed score, where any of them says; else every logged one.
    """
    behind = [each.run for each in training_runs(evidence) if each.claimed and each.run.last("stop_time") is not None]
    out: list[tuple[float, float | None]] = []
    for run in behind or evidence.runs:
        stop = run.last("stop_time")
        if stop is None:
            continue
        times = [t.value for key in ("hessian_time", "calibration_time") for t in run.numbers(key)]
        out.append((stop.value, max(times) if times else None))
    return out


_CLOCKED = """
import time

SECONDS = float(os.environ.get("MAX_WALLCLOCK_SECONDS", "600"))

def train_for(model, tokens, seconds):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    began = time.perf_counter()
    step = 0
    while True:
        elapsed_ms = 1000.0 * (time.perf_counter() - began)
        if elapsed_ms >= 1000.0 * seconds:
            break
        at = step * 1024 % (tokens.numel() - 1025)
        loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
"""

_COLLECT = """
def second_moments(model, tokens, rows):
    sums, handles = {}, []

    def watch(key):
        def hook(module, inputs, output):
            x = inputs[0].float().flatten(0, -2)
            sums[key] = sums.get(key, 0) + (x * x).mean(0)
        return hook

    for key, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            handles.append(module.register_forward_hook(watch(key)))
    with torch.inference_mode():
        for row in range(rows):
            model(tokens[row * 512:row * 512 + 512][None], tokens[row * 512 + 1:row * 512 + 513][None])
    for handle in handles:
        handle.remove()
    return sums

def squeezed(state, sums):
    out = {}
    for name, weight in state.items():
        power = sums.get(name.removesuffix(".weight"))
        if power is None:
            out[name] = weight
            continue
        scale = (weight.abs() * power.sqrt()).amax(1, keepdim=True) / 31
        out[name] = (weight / scale).round() * scale
    return out
"""


def _script(seconds: str, after: str) -> str:
    main = f'\\nmodel = Model()\\nshards = "data/fineweb_train_*.bin"\\ntrain_for(model, read(shards), {seconds})\\n'
    return "".join(
        [
            HEAD,
            EVALUATE,
            _CLOCKED,
            _COLLECT,
            main.replace("\\n", "\n"),
            after,
            '\nval = read("data/fineweb_val_*.bin")',
            REPORT,
        ]
    )


_SQUEEZE = """
sums = second_moments(model, read(shards), 128)
model.load_state_dict(squeezed(model.state_dict(), sums))
"""


RULE = Rule(
    slug=SLUG,
    title="Training data read for calibration after the 600 s",
    group="compliance",
    condition="budget",
    summary="Training stops when the 600 s are used up, and a calibration pass of the quantiser over training shards "
    "follows.",
    why="Nothing is untimed: work on training data that makes the artifact belongs to the 600 s of training, and an "
    "evaluation may not open training data. A calibration after the last training second is therefore training data "
    "at evaluation.",
    advice="Stop training early enough for the calibration (a reserve of the measured seconds) and log the sum.",
    counterpart="A cap below 600 s that leaves time for the calibration (#1060: 586 s + 6.7 s), or self-generated "
    "text (#1019).",
    authority=(
        Authority(
            "#606",
            "valerio-oai",
            "2026-03",
            "official",
            "trains the full 10 minutes, then calibrates for 3.6 s; legal if inside the training time",
        ),
        Authority("#529", "valerio-oai", "2026-03", "official", "calibration reads training data at evaluation"),
        Authority("#609", "valerio-oai", "2026-03", "official", "legal only if provably inside the 600 s of training"),
        Authority(
            "#706", "valerio-oai", "2026-03", "official", "the logs show 600 s of training, then 3.6 s of calibration"
        ),
        Authority("#2135", "cocohearts", "2026-05", "audit", "accepted with a reserve of 0.5 s and a sum of 606.5 s"),
    ),
    check=check,
    needs=("time",),
    fix=fix,
    known_problems="How long a calibration takes is known from logs only. With a reserve, an overshoot of seconds is a "
    "note, because accepted rows have it and no maintainer has objected; a larger one is for a human.",
    invalid=(
        Example(
            "the full 600 s, then statistics on the training shards",
            _script(
                "SECONDS",
                _SQUEEZE,
            ),
            line="sums = second_moments(model, read(shards), 128)",
        ),
        Example(
            "inside a function, through a file",
            _script(
                "600.0",
                """
def pack(model):
    import io
    box = io.BytesIO()
    torch.save(squeezed(model.state_dict(), second_moments(model, read("data/fineweb_train_000001.bin"), 32)), box)
    return box

blob = pack(model)
blob.seek(0)
model.load_state_dict(torch.load(blob))
""",
            ),
            line="torch.save(squeezed(model.state_dict(), second_moments(",
        ),
        Example(
            "the logs time the calibration after the last training second",
            _script("SECONDS", _SQUEEZE),
            line="sums = second_moments(model, read(shards), 128)",
            files={
                "train_seed42.log": "seed:42\nstep:6100/20000 train_loss:2.1 train_time:600032ms step_avg:98.37ms\n"
                "stopping_early: wallclock_cap train_time:600032ms step:6100/20000\n"
                "GPTQ:collected 66 Hessians in 3.7s\nfinal_roundtrip_exact val_loss:2.0 val_bpb:1.18\n"
            },
        ),
    ),
    valid=(
        Example(
            "a reserve of twelve seconds",
            _script(
                "SECONDS - 12.0",
                _SQUEEZE,
            ),
        ),
        Example(
            "statistics are only printed",
            _script("SECONDS", "print(second_moments(model, read(shards), 2))\n"),
        ),
        Example(
            "calibration is off",
            _script(
                "SECONDS",
                'if os.environ.get("GPTQ", "0") == "1":\n'
                "    model.load_state_dict(squeezed(model.state_dict(), second_moments(model, read(shards), 128)))\n",
            ),
        ),
        Example(
            "the log shows a smaller cap",
            _script(
                "SECONDS",
                _SQUEEZE,
            ),
            files={
                "train_seed42.log": "max_wallclock_seconds: 585.0\nseed:42\n"
                "step:6000/20000 train_loss:2.1 train_time:585020ms step_avg:97.50ms\n"
                "stopping_early: wallclock_cap train_time:585020ms step:6000/20000\n"
                "GPTQ:collected 66 Hessians in 9.1s\nfinal_roundtrip_exact val_loss:2.0 val_bpb:1.18\n"
            },
        ),
    ),
)
