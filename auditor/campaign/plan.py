"""From entries to jobs for the nodes, and what they cost. Reads submissions, runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from auditor.campaign.model import Campaign, CampaignPlan, Cost, Entry, Planned, Refused
from auditor.evidence.read import read_evidence
from auditor.regex import regex
from auditor.reproduce import data
from auditor.reproduce.afar import Afar, unfinished
from auditor.reproduce.model import Budget, CannotReproduce
from auditor.reproduce.place import DataPlace
from auditor.reproduce.plan import Wanted
from auditor.reproduce.remote import Node, Order
from auditor.reproduce.reproduce import prepare
from auditor.reproduce.submitted import read_submission, wall_seconds
from auditor.sandbox import NoSandbox
from auditor.submission import read_git
from auditor.submission.model import Submission, Unread
from reference_model.errors import BadInput

_START = 120.0  # seconds to begin, compile and pack, where no log tells
_UNSAFE = regex(r"[^A-Za-z0-9._-]+")


def make_plan(campaign: Campaign, node: Node) -> CampaignPlan:
    """Return what runs on nodes like ``node``, and the cost of what isn't done yet.

    An entry that can't be run is kept with its reason. Raises CannotReproduce where runs of another command are there.
    """
    campaign = replace(campaign, data=_known(campaign))
    planned, refused, taken = [], [], set[str]()
    for entry in campaign.entries:
        try:
            made = _planned(campaign, entry, node, taken)
        except (CannotReproduce, NoSandbox, Unread, BadInput) as error:
            refused.append(Refused(entry, str(error)))
            continue
        planned.append(made)
    return CampaignPlan(campaign, node, tuple(planned), tuple(refused), _cost(campaign, node, planned))


def _planned(campaign: Campaign, entry: Entry, node: Node, taken: set[str]) -> Planned:
    submission = _submission(campaign, entry)
    name = entry.name or (submission.name if submission is not None else str(entry.preset))
    folder = _folder(name, entry.pr, taken)
    wanted = Wanted(
        seeds=entry.seeds or campaign.seeds,
        path=None if submission is None else submission.given,
        preset=entry.preset,
        data=Path(campaign.data.path) if campaign.data is not None else None,
        budget=campaign.budget,
        output=campaign.output / folder,
        sandbox=campaign.sandbox,
        changes=entry.changes,
        wall=campaign.wall,
    )
    job = prepare(wanted, node.machine, submission, _held_by(node, sandbox=campaign.sandbox))
    job = replace(job, plan=replace(job.plan, subject=name))
    taken.add(folder)
    own = entry.preset is not None and Path(entry.preset).is_file()
    text = Path(entry.preset).read_text("utf-8") if own and entry.preset is not None else None
    order = Order(wanted, 0, submission, campaign.data, text)
    return Planned(entry, Afar(job, order), entry.pr, _seconds(submission, campaign.budget))


def _submission(campaign: Campaign, entry: Entry) -> Submission | None:
    if entry.preset is not None:
        return None
    if entry.path is not None:
        return read_submission(entry.path)
    assert entry.pr is not None and campaign.repo is not None
    found = [each for each in read_git(campaign.repo, pr=entry.pr) if each.script is not None]
    if len(found) > 1 and entry.name is not None:
        found = [each for each in found if each.name == entry.name] or found
    if not found:
        raise CannotReproduce(f"#{entry.pr}: no submission with a train script in it")
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:5])
        raise CannotReproduce(f"#{entry.pr}: {len(found)} submissions ({names}); give the name of one")
    return found[0]


def _held_by(node: Node, *, sandbox: bool) -> str:
    if not sandbox:
        return "nothing: --no-sandbox"
    if node.held_by == "none":
        raise NoSandbox("the nodes have nothing that holds a stranger's script; install bubblewrap there")
    return node.held_by


def _folder(name: str, pr: int | None, taken: set[str]) -> str:
    """Return a folder name of our own making for a submission; no two are the same."""
    base = _UNSAFE.sub("-", name).strip(".-")[:80] or "submission"
    wanted = f"{pr}-{base}" if pr is not None else base
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted}-{number}", number + 1
    return found


def _known(campaign: Campaign) -> DataPlace | None:
    """Return the data's place with its hashes, where the folder (or what it is fetched from) is here, too."""
    place = campaign.data
    if place is None:
        return None
    for here in (Path(place.path), Path(place.source) if place.source is not None else None):
        if here is not None and here.is_absolute() and here.is_dir():
            return replace(place, known=data.hashes(here))
    return place


def _seconds(submission: Submission | None, budget: Budget) -> float:
    """Return what one run is expected to take: as the logs say where they do, else the caps; and a start."""
    runs = read_evidence(submission).runs if submission is not None else ()
    train = [run.train_seconds.value for run in runs if run.train_seconds is not None]
    evaluate = [run.eval_seconds.value for run in runs if run.eval_seconds is not None]
    return min(max(train, default=budget.train), budget.train) + max(evaluate, default=budget.evaluate) + _START


def _cost(campaign: Campaign, node: Node, planned: Sequence[Planned]) -> Cost:
    """Return the cost of the seeds that are left; a run's share of a node is that of its scarcest part."""
    wanted = campaign.resources
    share = wanted.gpus / len(node.machine.gpus) if node.machine.gpus else wanted.cpus / node.machine.cores
    left = unfinished([each.afar for each in planned])
    by_job = {id(each.afar): each for each in planned}
    expected = sum(min(by_job[id(afar)].seconds, wall_seconds(afar.job.plan)) for afar, _ in left)
    most = sum(wall_seconds(afar.job.plan) for afar, _ in left)
    share = min(1.0, share) or 1.0
    return Cost(len(left), expected * share / 3600, most * share / 3600, share)
