"""Quantisation statistics, scales or a temperature taken from unscored validation tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.trackers.calibration.choosing import with_choices
from auditor.timeline.trackers.calibration.found import Calibration, calibrations, counts, path_of, place_of
from rules.gravest import gravest
from rules.torch_scripts import evaluating, scored

SLUG = "calibration-on-val"

_SAY = {
    "observed": "Hooks collect statistics while the model runs on validation tokens that are not scored yet, and "
    "{sink} made with them.",
    "applied": "The model's outputs on validation tokens that are not scored yet go into what is kept: "
    "{sink} made with them.",
    "chosen": "A value is chosen by its loss on validation tokens, and {sink} made with it.",
}
_FIRST_PASS = (
    "What a first pass over validation tokens gave is combined with the score of a second one: whether that uses what "
    "only the whole first pass could know is for a reviewer to see."
)
_FIRST_ONLY = "Report the score of the first pass."
_CHOOSE = "Choose by a loss on training text that was held out, or fix the choice beforehand."
_SINK = {
    "parameters": "the parameters that are scored later are",
    "a file": "the saved model is",
    "scores": "the reported score is",
}


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each calibration on validation tokens: a choice by trial is for a human to weigh."""
    yield from _one_choice(gravest(_found(case)))


def _one_choice(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings, those on one choice as one, that of its last candidate: of a single one none is chosen."""
    kept: list[Finding] = []
    for finding in findings:
        same = next(
            (i for i, each in enumerate(kept) if finding.advice == _CHOOSE and _ends_alike(each, finding)), None
        )
        if same is None:
            kept.append(finding)
            continue
        first = kept.pop(same)
        assert first.path is not None
        assert first.line is not None
        before = Step(first.path, first.line, "another candidate's loss on validation tokens is taken", first.layer)
        kept.append(replace(finding, trace=(before, *finding.trace)))
    yield from kept


def _ends_alike(one: Finding, other: Finding) -> bool:
    return (one.advice, one.status, one.message, one.trace[-1:]) == (
        other.advice,
        other.status,
        other.message,
        other.trace[-1:],
    )


def _found(case: Case) -> Iterator[Finding]:
    timeline = case.timeline
    if timeline is None:
        return
    for found in calibrations(timeline, "val"):
        site = place_of(found)
        judged = activity(timeline, found.bits, [with_choices(case.program, timeline, found), found.use])
        status = judged.status
        if not (found.way == "observed" or found.apply.watched) and status == "violation":
            status = "hold"
        again = found.way == "applied" and found.use.sink == "scores" and counts(timeline, found.apply)
        told = judged.found(
            site,
            rule=SLUG,
            status=status,
            message=_FIRST_PASS if again else _SAY[found.way].format(sink=_SINK[found.use.sink]),
            trace=tuple(path_of(found, _applied(found))),
        )
        advice = _FIRST_ONLY if again else _CHOOSE if found.way == "chosen" else ""
        yield replace(told, advice=advice) if advice else told


def _applied(found: Calibration) -> str:
    return "hooks see the model on validation tokens" if found.way == "observed" else "validation tokens go in"


_HOOKED = """
def activations(model, tokens, rows):
    grams = {}
    handles = []

    def watch(key):
        def hook(module, inputs, output):
            x = inputs[0].detach().float().flatten(0, -2)
            grams[key] = grams.get(key, 0) + x.t() @ x
        return hook

    for key, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            handles.append(module.register_forward_hook(watch(key)))
    with torch.no_grad():
        for row in range(rows):
            piece = tokens[row * 1024:row * 1024 + 1025]
            model(piece[:-1][None], piece[1:][None])
    for handle in handles:
        handle.remove()
    return grams

def rounded(weight, gram):
    scale = weight.abs().amax(dim=1, keepdim=True) / 31
    damped = gram + 0.01 * gram.diagonal().mean() * torch.eye(len(gram))
    left = weight.clone()
    for column in range(weight.shape[1]):
        q = (left[:, column:column + 1] / scale).round() * scale
        left[:, column + 1:] -= (left[:, column:column + 1] - q) @ damped[column:column + 1, column + 1:]
        left[:, column:column + 1] = q
    return left

def quantised(state, grams):
    out = {}
    for name, weight in state.items():
        gram = grams.get(name.rsplit(".", 1)[0])
        out[name] = weight if gram is None or weight.ndim < 2 else rounded(weight, gram)
    return out
"""

_WRAPPED = """
def peaks(net, stream, count):
    largest = {}
    kept = net.head.forward

    def wrapped(x):
        largest["head"] = torch.maximum(largest.get("head", torch.zeros(x.size(-1))), x.abs().amax(dim=(0, 1)))
        return kept(x)

    net.head.forward = wrapped
    for i in range(count):
        net(stream[i * 512:(i + 1) * 512][None], stream[i * 512 + 1:(i + 1) * 512 + 1][None])
    net.head.forward = kept
    return largest
"""

_GRID = """
class Scaled(Model):
    def logits(self, x):
        return self.head(self.embed(x))

@torch.inference_mode()
def evaluate(model, tokens, temperature=1.0):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.logits(tokens[at:at + 1024][None]) / temperature
        total += F.cross_entropy(logits.flatten(0, 1), tokens[at + 1:at + 1025], reduction="sum")
    return total.item() / (tokens.numel() - 1)

def best_temperature(model, tokens):
    best, least = 1.0, float("inf")
    for candidate in (0.8, 0.9, 1.0, 1.1, 1.2):
        loss = evaluate(model, tokens, candidate)
        if loss < least:
            least, best = loss, candidate
    return best
"""

_GRID_TOP = """
scaled = Scaled()
scaled.load_state_dict(model.state_dict())
"""

_GRID_REPORT = """
bits = evaluate(scaled, val, best_temperature(scaled, {tokens})) / math.log(2.0)
print(f"val_bpb:{{bits * TOKENS_PER_BYTE:.6f}}")
"""


RULE = Rule(
    slug=SLUG,
    title="Calibrated on validation tokens",
    group="compliance",
    condition="C1",
    summary="Statistics for the quantiser (Hessians, activation scales, clipping ranges), or a temperature, are taken "
    "from validation tokens before these are scored, and what they shape is then scored on the same tokens.",
    why="The score of a token may depend on the artifact and on earlier tokens only. A quantiser that has seen the "
    "validation activations spends its precision where the validation set needs it; the artifact then carries "
    "information about text that it must not know.",
    advice="Calibrate on training tokens inside the 600 s, or on text that the model itself generates.",
    counterpart="Hessians from training shards within the training time, or from self-generated text (#1019).",
    authority=(
        Authority(
            "#728",
            "valerio-oai",
            "2026-03-28",
            "official",
            "calibrating on unscored eval tokens is not allowed; self-generated data is probably legal",
        ),
        Authority("README", "OpenAI", "2026", "official", "the validation set is not visible in training"),
    ),
    check=check,
    fix=switch_off,
    known_problems="A calibration in library code or in another process is not seen. Values that are only chosen by "
    "their validation loss, and not computed from it, are reported as HOLD: no maintainer has ruled on them.",
    invalid=(
        Example(
            "Hessians from hooks on the validation split",
            scored(
                _HOOKED,
                "\ngrams = activations(model, val, 64)\nmodel.load_state_dict(quantised(model.state_dict(), grams))\n",
            ),
            line="grams = activations(model, val, 64)",
        ),
        Example(
            "a slice of it under another name, saved and loaded",
            scored(
                _HOOKED,
                """
flat = val.reshape(-1)
some = flat[:65536].clone()
import io
buffer = io.BytesIO()
torch.save(quantised(model.state_dict(), activations(model, some, 8)), buffer)
buffer.seek(0)
model.load_state_dict(torch.load(buffer))
""",
            ),
            line="torch.save(quantised(model.state_dict(), activations(model, some, 8)), buffer)",
        ),
        Example(
            "a loader that the default points at the validation files",
            scored(
                _HOOKED,
                """
source = os.environ.get("CALIBRATE_ON", "val")
pool = read("data/fineweb_val_*.bin" if source == "val" else "data/fineweb_train_*.bin")
grams = activations(model, pool, 32)
model.load_state_dict(quantised(model.state_dict(), grams))
""",
            ),
            line="grams = activations(model, pool, 32)",
        ),
        Example(
            "a wrapped forward collects activation peaks",
            scored(
                _WRAPPED,
                """
largest = peaks(model, val, 16)
state = model.state_dict()
state["head.weight"] = state["head.weight"] * largest["head"].clamp(min=1e-3).sqrt()
model.load_state_dict(state)
""",
            ),
            line="largest = peaks(model, val, 16)",
        ),
        Example(
            "the temperature with the least validation loss",
            evaluating(_GRID, top=_GRID_TOP, report=_GRID_REPORT.format(tokens="val")),
            line="bits = evaluate(scaled, val, best_temperature(scaled, val)) / math.log(2.0)",
            status="hold",
        ),
    ),
    valid=(
        Example(
            "Hessians from a training shard",
            scored(
                _HOOKED,
                """
pool = read("data/fineweb_train_000000.bin")
grams = activations(model, pool, 64)
model.load_state_dict(quantised(model.state_dict(), grams))
""",
            ),
        ),
        Example(
            "statistics on validation tokens are printed, and nothing is made with them",
            scored(
                _HOOKED,
                """
for name, gram in activations(model, val, 4).items():
    print(name, gram.diagonal().mean().item())
""",
            ),
        ),
        Example(
            "the switch is off",
            scored(
                _HOOKED,
                """
if int(os.environ.get("VAL_CALIBRATION", "0")):
    model.load_state_dict(quantised(model.state_dict(), activations(model, val, 64)))
""",
            ),
        ),
        Example(
            "the temperature with the least training loss",
            evaluating(
                _GRID, top=_GRID_TOP, report=_GRID_REPORT.format(tokens='read("data/fineweb_train_000000.bin")')
            ),
        ),
    ),
)
