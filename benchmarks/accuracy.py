"""How often golf-audit is wrong: its verdicts beside what maintainers ruled on the same code.

    python benchmarks/accuracy.py --repo parameter-golf/.git > docs/accuracy.md

A line of ``rulings.jsonl`` (or of ``--labels FILE``, your own) is {"pr", "sha", "folder", "ruled", "about"}: the head
that the ruling is about, "flag", "hold" or "clean", and the families of rules that it speaks of, "cache" or "ttt".
Findings of other rules count neither for nor against. Nothing is fetched: the heads have to be in the clone.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from auditor import __version__
from auditor.check import audit
from auditor.finding import Verdict
from auditor.submission import read_git
from auditor.submission.model import Unread
from auditor.verdict import weigh, worst

RULINGS = Path(__file__).with_name("rulings.jsonl")
FAMILIES = {
    "cache": [
        "target-in-key",
        "unnormalized-mixture",
        "byte-ppm-mixture",
        "oracle-selection",
        "target-conditioned-gate",
        "two-pass-rescore",
        "slot-scored-region",
        "slot-causal",
        "paid-prefix",
    ],
    "ttt": [
        "prequant-ttt",
        "score-after-adapt",
        "two-pass-rescore",
        "calibration-on-val",
        "calibration-after-budget",
        "train-on-val",
        "warmup-on-val",
    ],
}
SAID = ("flag", "hold", "unreadable", "clean", "not read")


def found(repo, label):
    """Return what golf-audit says of a labelled folder, in the families that the label is about."""
    try:
        submissions = read_git(repo, pr=label["pr"], sha=label["sha"])
    except Unread as error:
        print(f"#{label['pr']}: {error}", file=sys.stderr)
        return "not read"
    own = [each for each in submissions if each.folder == label["folder"]] or list(submissions)
    about = {rule for family in label["about"] for rule in FAMILIES[family]}
    report = audit(own[0])
    verdict = worst(weigh(finding) for finding in report.findings if finding.rule in about)
    if verdict is Verdict.CLEAN and any(item.decisive for item in report.not_followed):
        verdict = Verdict.HOLD
    return (
        "unreadable" if report.compliance is Verdict.UNREADABLE and verdict is Verdict.CLEAN else verdict.value.lower()
    )


def page(labels, said, seconds):
    """Return the documentation page: a table of rulings by verdicts, and each disagreement by its number."""
    table = Counter((label["ruled"], verdict) for label, verdict in zip(labels, said, strict=True))
    ruled = [name for name in ("flag", "hold", "clean") if any(label["ruled"] == name for label in labels)]
    columns = [name for name in SAID if name in said]
    lines = [
        "# How often is it wrong?",
        "",
        f"golf-audit {__version__} beside what maintainers of the challenge ruled on {len(labels)} heads: merged, "
        "closed with a reason, or named in an audit. A ruling speaks of a family of rules (caches, or adaptation at "
        "test time), and only findings of that family are compared. The rulings were read by people, who can err as "
        "well: [where published verdicts and the code disagree](disagreements.md) tells of cases that were read line "
        "by line.",
        "",
        "| ruled | " + " | ".join(f"golf-audit: {name}" for name in columns) + " |",
        "|---|" + "---|" * len(columns),
        *(f"| {name} | " + " | ".join(str(table[name, column]) for column in columns) + " |" for name in ruled),
        "",
    ]
    for name, wrong, what in (
        ("clean", ("flag",), "Flagged, though a maintainer found nothing wrong"),
        ("flag", ("clean",), "Called clean, though a maintainer ruled against it"),
        ("clean", ("hold", "unreadable"), "Held, though a maintainer found nothing wrong"),
        ("flag", ("hold", "unreadable"), "Held, though a maintainer ruled against it"),
    ):
        pairs = zip(labels, said, strict=True)
        which = [f"#{one['pr']}" for one, verdict in pairs if one["ruled"] == name and verdict in wrong]
        lines += [f"{what}: {len(which)}" + (f" ({', '.join(which)})." if which else "."), ""]
    lines += [
        "These heads were known while golf-audit was written, so it may do better on them than on others.",
        "",
        "## Measure it yourself",
        "",
        "```console",
        "$ git -C parameter-golf fetch origin '+refs/pull/*/head:refs/pull/*/head'",
        "$ python benchmarks/accuracy.py --repo parameter-golf/.git > docs/accuracy.md",
        "$ python benchmarks/accuracy.py --repo parameter-golf/.git --labels mine.jsonl",
        "```",
        "",
        f"The first makes this page ({seconds:.0f} s of processor time). The second takes labels of yours, one JSON "
        "object a line, in the form of `benchmarks/rulings.jsonl`.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repo", required=True)
    parser.add_argument("--labels", type=Path, default=RULINGS)
    options = parser.parse_args()
    started = time.process_time()
    labels = [json.loads(line) for line in options.labels.read_text("utf-8").splitlines()]
    said = [found(options.repo, label) for label in labels]
    print(page(labels, said, time.process_time() - started), end="")
