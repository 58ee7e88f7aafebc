"""Compute outside the run that prepared what the score needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.network.network import after_training
from rules.claimed_runs import on_line
from rules.evidence_examples import PLAIN
from rules.statements import says, statements
from rules.torch_scripts import EVALUATE, HEAD

SLUG = "external-compute"

_MANY_SEEDS = 20  # below, seeds were tried to see the spread; best-of-k looks at what was reported of them

_WEIGHTS = r"(?:weights?|checkpoints?|models?|embeddings?|backbones?|language models?|LMs?|teachers?)"
_PREPARED = (
    (
        "weights that were trained before",
        regex(
            r"\b(?:init\w*|start\w*|load\w*|warm-?start\w*|fine-?tun\w*|continu\w*|built|bootstrapp?\w*|transferr?\w*)"
            r"\b[^.;|]{0,30}?\b(?:from|with|on top of|using)\s+(?:an?\s+|the\s+|our\s+|its\s+)?(?:\w+\s+){0,2}?"
            r"pre-?trained\s+(?:\S+\s+){0,2}?" + _WEIGHTS + r"\b",
            re.IGNORECASE,
        ),
    ),
    (
        "a larger model as teacher",
        regex(
            r"\b(?:distill\w*\s+from|(?:logits|targets|soft labels)\s+(?:from|of))\s+(?:an?\s+|the\s+)?"
            r"(?:(?:much\s+)?(?:larger|bigger|stronger|pre-?trained|external)\s+)(?:\S+\s+){0,2}?" + _WEIGHTS + r"\b",
            re.IGNORECASE,
        ),
    ),
    (
        "something that was made offline",
        regex(
            r"\b(?:tables?|oracles?|caches?|n-?grams?|weights?|statistics|priors?|codebooks?|dictionar(?:y|ies)|gates?)\b"
            r"[^.;|]{0,40}?\b(?:built|trained|fitted|fit|computed|precomputed|learned|optimi[sz]ed)\s+offline\b",
            re.IGNORECASE,
        ),
    ),
)
_SEEDS = regex(
    r"\b(?:tr(?:ied|ying)|search\w*|sw(?:ept|eep\w*)|scann?\w*|screen\w*|brute-?\s?forc\w*)\b[^.;|]{0,30}?"
    r"\b(\d{1,3}(?:,\d{3})+|\d{1,7})\s+(?:random\s+|different\s+|distinct\s+)?seeds\b",
    re.IGNORECASE,
)
_OWN_RUN = regex(r"\b(?:within|inside|during|counted in|part of)\s+the\s+(?:\d+|ten|training|budget)", re.IGNORECASE)
_PRETRAINED = regex(r"(?:\.|^)(?!\w*(?:Tokenizer|Config|Processor))\w+\.from_pretrained$|^torch\.hub\.load")


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for each document that tells of such work, and for each trained model that is fetched."""
    if case.submission.track != "non-record":  # there, any compute may be declared
        yield from _told(case)
        yield from _fetched(case)


def _told(case: Case) -> Iterator[Finding]:
    """Yield the first statement of each kind."""
    if case.submission.lone:
        return
    told: set[str] = set()
    for said in statements(case):
        for what in _what(said.text):
            if what not in told:
                told.add(what)
                message = (
                    f"The submission tells of {what}: compute that lies outside the run may have prepared what the "
                    "score needs. How much, and whether that is fair, is for a person to decide."
                )
                yield on_line(SLUG, "hold", message, said.path, said.line, group="package")


def _what(text: str) -> Iterator[str]:
    if _OWN_RUN.search(text):
        return
    for what, pattern in _PREPARED:
        if says(pattern, text):
            yield what
    seeds = says(_SEEDS, text)
    if seeds is not None and int(seeds[1].replace(",", "")) >= _MANY_SEEDS:
        yield f"a search over {seeds[1]} seeds"


def _fetched(case: Case) -> Iterator[Finding]:
    timeline = case.timeline
    if timeline is None:
        return
    for event, _ in after_training(timeline):
        if _PRETRAINED.search(event.what):
            judged = activity(timeline, event.bits, [event])
            yield Finding(
                rule=SLUG,
                group="package",
                status="hold" if judged.active is not False else "note",
                message=f"A model that others have trained is loaded ({event.what}).",
                path=event.site.source.path,
                line=event.site.line,
                end_line=event.site.end_line,
                layer=event.site.source.layer,
                active=judged.active,
                active_because=judged.because,
                trace=tuple(calls_of(event)),
            )


def _script(extra: str) -> str:
    return HEAD + EVALUATE + extra


def _readme(text: str) -> dict[str, str]:
    return {"README.md": f"# Example\n\n{text}\n"}


RULE = Rule(
    slug=SLUG,
    title="Compute outside the run",
    group="package",
    condition="budget",
    summary="README, metadata or code show that work outside the run prepared what the score needs: weights or a "
    "teacher trained before, tables made offline, a model fetched from a hub, or a search over many seeds.",
    why="Ten minutes on eight H100 are the budget. What was trained or searched before them is compute that the "
    "others did not have; of many seeds, the lowest score says little about the method.",
    advice="Say what was prepared where, with how much compute, and do it inside the run where the score needs it; "
    "hyper-parameters may be tuned offline.",
    counterpart="Hyper-parameters tuned over many runs, and data prepared as the challenge prepares it: both are fine "
    "by the README.",
    authority=(
        Authority(
            "README",
            "OpenAI",
            "2026",
            "official",
            "the right to disqualify what sneaks in compute, as brute-forced seeds",
        ),
        Authority("README", "OpenAI", "2026", "official", "libraries must not bring extra compute or capabilities"),
    ),
    check=check,
    invalid=(
        Example(
            "weights trained before",
            PLAIN,
            "pretrained",
            files=_readme("Training starts from our own pretrained 12-layer weights and goes on for ten minutes."),
            status="hold",
        ),
        Example(
            "a table made offline",
            PLAIN,
            "offline",
            files=_readme("The n-gram oracle was built offline over all shards and is stored in the artifact."),
            status="hold",
        ),
        Example(
            "many seeds",
            PLAIN,
            "seeds",
            files=_readme("We screened 2,000 random seeds with short runs and submit the best three."),
            status="hold",
        ),
        Example(
            "a model from a hub",
            _script("import transformers\n\nteacher = transformers.AutoModel.from_pretrained('example/model')\n"),
            "from_pretrained",
            status="hold",
        ),
    ),
    valid=(
        Example("tuned hyper-parameters", PLAIN, files=_readme("Learning rates were tuned offline over sixty runs.")),
        Example("said not to be so", PLAIN, files=_readme("It does not start from any pretrained weights.")),
        Example("the model's own average as teacher", PLAIN, files=_readme("Self-distillation from an EMA teacher.")),
        Example("three seeds", PLAIN, files=_readme("We tried 3 seeds and report all of them.")),
        Example(
            "a tokenizer from a hub",
            _script("import transformers\n\ntokens = transformers.AutoTokenizer.from_pretrained('example/model')\n"),
        ),
        Example(
            "inside the budget",
            PLAIN,
            files=_readme("The n-gram table is built offline on the CPU during the 600 s of training."),
        ),
    ),
    known_problems="Only what the submission itself tells or fetches is seen; work that nobody mentions is not.",
    stage="preview",
)
