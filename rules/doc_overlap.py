"""Training shards that overlap the validation documents, as the CaseOps preparation with its defaults makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.evidence.counted import counted_runs
from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.finding import Finding, Status
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.submission.model import Unread
from rules.claimed_runs import and_others, on_line
from rules.evidence_examples import PLAIN, RECORD, record
from rules.prepared_documents import cuts
from rules.validation_set import is_a_whole_count, validation_tokens

SLUG = "doc-overlap"

_WHOLE = 50_000  # documents of the challenge's validation set
_SHARDS = 1499  # what the preparation leaves when it keeps 10,000 validation documents
_DOUBLED = regex(r"datasets/+datasets/")
_DEFAULT = regex(r"--val-docs[\"'][^\n]{0,60}?\bdefault\s?=\s?10_?000\b")
_LARGEST_SCRIPT = 1_000_000  # bytes


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for logs with the shards of the overlapping preparation, and a note for its script."""
    submission = case.submission
    if submission.lone:
        return
    runs = [each.run for each in counted_runs(case.evidence)] or list(case.evidence.runs)
    found = [(run, shards) for run in runs if (shards := run.first("train_shards")) is not None]
    # A run that scores a part only may score the documents that the preparation kept: no overlap is shown then.
    part = [
        run
        for run in runs
        if (t := validation_tokens(run)) is not None and not is_a_whole_count(t.value, case.challenge.data)
    ]
    suspect = [(run, shards) for run, shards in found if shards.value == _SHARDS and run not in part]
    said = _cut_otherwise(case, runs)
    if suspect:
        yield _judge(case, suspect)
    elif said is not None:
        yield said
    elif not (part and len(part) == len(runs)) and (not found or any(_caseops(run) for run, _ in found)):
        yield from _scripts(case)


def _judge(case: Case, suspect: list[tuple[Run, Value[float]]]) -> Finding:
    doubled = [pair for pair in suspect if _is_doubled(pair[0])]
    shards = (doubled or suspect)[0][1]
    seen = f"The log shows {_SHARDS} training shards"
    if not doubled:
        message = (
            f"{seen}, as the CaseOps preparation makes them that keeps 10,000 validation documents: then 40,000 of "
            "the 50,000 scored documents were trained on. Other shards can have that number too (#2127): ask for the "
            "manifest of the preparation."
        )
        return on_line(SLUG, "hold", and_others(message, len(suspect) - 1), shards.path, shards.line)
    message = (
        f"{seen} below a doubled datasets/datasets path: those of the CaseOps preparation that keeps 10,000 validation "
        "documents, so that 40,000 of the 50,000 scored documents are training data."
    )
    status: Status = "hold" if case.submission.track == "non-record" else "violation"
    return on_line(SLUG, status, and_others(message, len(doubled) - 1), shards.path, shards.line)


def _cut_otherwise(case: Case, runs: Sequence[Run]) -> Finding | None:
    """Return a hold where the submission says that its shards were cut with fewer documents than are scored."""
    data = case.challenge.data
    whole = next(
        (t for run in runs if (t := validation_tokens(run)) is not None and is_a_whole_count(t.value, data)), None
    )
    told = list(cuts(case))
    said = next((cut for cut in told if cut.count < _WHOLE), None)
    if whole is None or said is None or any(cut.count >= _WHOLE for cut in told):
        return None  # one that also prepares with all documents says which of the two it used, in words
    message = (
        f"The submission says that its training shards were cut with {said.count:,} validation documents "
        f"({said.text!r}), and its log scores the whole set ({whole.path}:{whole.line}), which has {_WHOLE:,}: the "
        f"{_WHOLE - said.count:,} others are training data, unless shards of another preparation were used."
    )
    return on_line(SLUG, "hold", message, said.path, said.line)


def _scripts(case: Case) -> Iterator[Finding]:
    """Yield a note for a preparation script in the folder that keeps 10,000 validation documents by default."""
    for path in case.submission.helpers:
        try:
            text = case.submission.tree.read(path, _LARGEST_SCRIPT).decode("utf-8", "replace")
        except Unread:
            continue  # the reader of the submission has noted it as a problem
        match = _DEFAULT.search(text)
        if match is not None:
            message = (
                "This preparation keeps 10,000 validation documents by default, so its training shards hold 40,000 of "
                "the 50,000 that are scored (#2018). Copies of it lie beside accepted rows: the shards that were used "
                "decide, and no log here shows that they are such."
            )
            yield on_line(SLUG, "note", message, path, text.count("\n", 0, match.start()) + 1)
            return


def _is_doubled(run: Run) -> bool:
    fields = ("train_data", "val_data", "tokenizer")
    return any(_DOUBLED.search(str(v.value)) for field in fields for v in run.all(field))


def _caseops(run: Run) -> bool:
    return any("caseops" in str(v.value).lower() for field in ("train_data", "tokenizer") for v in run.all(field))


_OWN = "./data/datasets/fineweb10B_sp8192_caseops"
_TWICE = "./data/fineweb10B_sp8192_caseops/datasets/datasets/fineweb10B_sp8192_lossless_caps_caseops_v1_reserved"


def _logs(shards: int, data: str) -> dict[str, str]:
    files = record(1.0601, 1.0602, shards=shards, data=data, tokens=47_851_520)
    files["train_seed2.log"] = files["train_seed2.log"].replace(f"train_shards:{shards}", "train_shards:80")
    return files


_PREPARE = """
import argparse

options = argparse.ArgumentParser()
options.add_argument("--val-docs", type=int, default=10_000, help="documents to keep for validation")
"""

RULE = Rule(
    slug=SLUG,
    title="Training shards that hold validation documents",
    group="evidence",
    condition="data",
    summary="The log shows 1499 training shards, which the CaseOps preparation makes when it keeps 10,000 documents "
    "for validation; the 50,000 documents that are scored then lie for the most part in the training data.",
    why="A model that has trained on the documents that it is scored on remembers them. The number of validation "
    "tokens doesn't clear it: the validation set may be made again from all 50,000 documents.",
    advice="Use the published shards (80 of them) or prepare with --val-docs 50000, and show the manifest.",
    counterpart="train_shards:80 and 47,851,520 validation tokens (#2135).",
    authority=(
        Authority("#2018", "cocohearts", "2026-05", "audit", "training shards begin at document 10,000"),
        Authority("#2130", "cocohearts", "2026-05", "audit", "1499 shards and the doubled path match the overlap"),
        Authority("#2127", "ndokutovich", "2026-05", "community", "1499 shards of one's own without the overlap"),
    ),
    check=check,
    invalid=(
        Example("1499 shards below a doubled path", PLAIN, "train_shards:1499", _logs(1499, _TWICE)),
        Example("1499 shards elsewhere", PLAIN, "train_shards:1499", _logs(1499, _OWN), status="hold"),
        Example(
            "the submission says so itself",
            PLAIN,
            "--val-docs=10000",
            _logs(80, _OWN)
            | {"DATA.md": "# Data\n\nThe training shards were built with `prepare.py --val-docs=10000`.\n"},
            status="hold",
        ),
        Example(
            "the submission says so of the preparation's default",
            PLAIN,
            "match the default",
            _logs(80, _OWN)
            | {
                "DATA.md": "# Data\n\n80 shards, no more. The 80 training shards match the default `val_docs=10000` "
                "output. There is no other set.\n"
            },
            status="hold",
        ),
        Example(
            "the preparation with its defaults",
            PLAIN,
            "--val-docs",
            {"prepare_caseops_data.py": _PREPARE},
            status="note",
        ),
    ),
    valid=(
        Example("the published shards", PLAIN, files=_logs(80, _OWN)),
        Example("the published shards below a doubled path", PLAIN, files=_logs(80, _TWICE)),
        Example("other data", PLAIN, files=RECORD),
        Example(
            "only the kept documents are scored",
            PLAIN,
            files=record(1.0601, 1.0602, shards=_SHARDS, data=_TWICE, tokens=9_662_464)
            | {"prepare_caseops_data.py": _PREPARE},
        ),
        Example(
            "cut with all documents",
            PLAIN,
            files=_logs(80, _OWN) | {"DATA.md": "# Data\n\nPrepare the shards with `prepare.py --val-docs 50000`.\n"},
        ),
        Example(
            "cut with all documents in the place of the default",
            PLAIN,
            files=_logs(80, _OWN)
            | {"DATA.md": "# Data\n\nThe shards were rebuilt: val_docs=50000 where the default is val_docs=10000.\n"},
        ),
        Example(
            "a warning",
            PLAIN,
            files=_logs(80, _OWN)
            | {"DATA.md": "# Data\n\nDo not build the training shards with `--val-docs 10000`.\n"},
        ),
    ),
    known_problems="Shards that were prepared otherwise, or whose number no log prints, are not seen.",
)
