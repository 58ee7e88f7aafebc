"""Runs that end by their own validation loss."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Status, Step
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.endings.endings import Ending
from rules.speedruns import REPOSITORY, accepted, day, sample
from rules.torch_scripts import HEAD

SLUG = "early-stopping"
_TRACK = "track_3_optimization"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each condition on a validation loss that ends training, where the track forbids it."""
    track = case.challenge.track(case.submission.track_folder)
    if track is None or track.fixed_end is None or case.timeline is None:
        return
    when, found = day(case), sample(case)
    if when is not None and when < track.fixed_end.since.isoformat():
        return
    told = accepted(found) if found is not None else ""
    for event in case.timeline.events:
        if not isinstance(event, Ending):
            continue
        judged = activity(case.timeline, event.bits, [event])
        status: Status = judged.status
        if status == "violation" and not event.certain:
            status = "hold"
        site = event.site
        yield judged.found(
            site,
            rule=SLUG,
            status="note" if told else status,
            message="Whether training ends here is decided by a validation loss of the run itself; since "
            f"{track.fixed_end.since} the step at which the runs of {track.folder} end has to be the same for all of "
            f"them.{told}",
            trace=(*calls_of(event), *_steps(event)),
        )


def _steps(event: Ending) -> Iterator[Step]:
    """Yield where the loss is compared and where training is left, as far as that is not the condition's own line."""
    told = event.site.line
    for site, what in ((event.compared, "a validation loss is compared"), (event.left, "training ends")):
        if site is not None and (site.line != told or site.source is not event.site.source):
            yield Step(site.source.path, site.line, what, site.source.layer)


def _trained(decide: str, *, before: str = "", loop: str = "for step in range(4001):") -> str:
    """Return a script that measures the validation loss every 125 steps and then runs ``decide``."""
    decided = "".join(f"        {line}\n" for line in decide.strip().splitlines())
    return f"""{HEAD}
def val_loss_of(model, tokens):
    model.eval()
    total = torch.zeros(())
    with torch.no_grad():
        for at in range(0, 2097152, 65536):
            total += model(tokens[at:at + 65536].view(64, 1024), tokens[at + 1:at + 65537].view(64, 1024))
    model.train()
    return total.item() / 32

{before}
model = Model()
tokens, held_out = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
step, val_loss = 0, float("inf")
{loop}
    if step % 125 == 0:
        val_loss = val_loss_of(model, held_out)
        print(f"step:{{step}}/4000 val_loss:{{val_loss:.5f}}")
{decided}    at = step * 65536 % (tokens.numel() - 65537)
    model(tokens[at:at + 65536].view(64, 1024), tokens[at + 1:at + 65537].view(64, 1024)).backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def _example(title: str, code: str, line: str | None = None, name: str = "20260604_adamw") -> Example:
    return Example(title, code, line, name=name, track=_TRACK)


_PATIENCE = """
class Patience:
    def __init__(self, rounds):
        self.rounds, self.best, self.bad = rounds, math.inf, 0

    def over(self, loss):
        if loss < self.best - 1e-4:
            self.best, self.bad = loss, 0
        else:
            self.bad += 1
        return self.bad >= self.rounds

patience = Patience(3)
"""

_WHILE = _trained("step += 0", loop="while val_loss > 3.279:").replace(
    "    optimizer.zero_grad()\n", "    optimizer.zero_grad()\n    step += 1\n"
)

RULE = Rule(
    slug=SLUG,
    title="The validation loss ends the run",
    group="compliance",
    condition="statistics",
    summary="A comparison of the run's own validation loss decides whether training goes on.",
    why="A run that may end whenever its loss dips below the target reports the lowest of many looks, not what the "
    "method reaches after a number of steps: each run then has an end of its own, chosen by the noise.",
    advice="Print the loss near the end, and choose one step for all runs: the first at which their mean passes the "
    "test.",
    counterpart="Losses every 25 steps near the end, and the earliest step at which the mean of all runs is "
    "significantly below the target.",
    authority=(
        Authority(
            f"{REPOSITORY} README",
            "KellerJordan",
            "2026-05-03",
            "official",
            "per-run early stopping by val loss, or any other decision by it, is not allowed (track 3, rule 5)",
        ),
    ),
    check=check,
    challenge="modded-nanogpt",
    needs=("tracks.fixed_end",),
    invalid=(
        _example("the target ends it", _trained("if val_loss <= 3.279:\n    break"), "val_loss <= 3.279"),
        _example(
            "patience",
            _trained("if patience.over(val_loss):\n    break", before=_PATIENCE),
            "patience.over(val_loss)",
        ),
        _example(
            "a flag that is looked at later",
            _trained(
                "if val_loss < 3.279:\n    step_of_target, done = step, True\nif done:\n    break",
                before="done = False",
            ),
            "if done",
        ),
        _example("the loop goes on until it is reached", _WHILE, "while val_loss"),
    ),
    valid=(
        _example("a fixed number of steps", _trained("best = min(best, val_loss)", before="best = 9.0")),
        _example(
            "the first step below the target is told, and training goes on",
            _trained(
                "if val_loss < 3.28 and first is None:\n    first = step\n    print(f'below the target at {step}')",
                before="first = None",
            ),
        ),
        _example(
            "a switch for it that nothing turns on",
            _trained(
                "if TARGET > 0 and val_loss <= TARGET:\n    break",
                before='TARGET = float(os.environ.get("TARGET_VAL_LOSS", "0"))',
            ),
        ),
        _example(
            "a loss that is no number",
            _trained("if not math.isfinite(val_loss):\n    break\nif val_loss != val_loss:\n    break"),
        ),
        _example(
            "the training loss ends it",
            _trained("loss = model(tokens[None, :1024], tokens[None, 1:1025]).item()\nif loss < 2.0:\n    break"),
        ),
        _example("before it was forbidden", _trained("if val_loss <= 3.279:\n    break"), name="20260430_adamw"),
        Example("another track, which doesn't forbid it", _trained("if val_loss <= 3.279:\n    break")),
    ),
    known_problems="Other decisions by the validation loss (a learning rate that follows it, the best of several "
    "checkpoints) are not seen, nor is patience whose best loss begins as None. A run that ends by an exception "
    "reports nothing and is not meant.",
)
