"""Stored validation tokens used to lower the score."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.claims import claimed_reports
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.metric.metric import doubts
from rules.torch_scripts import evaluating

SLUG = "paid-prefix"

_MEETS: dict[str, str] = {"stored choices": "the file decides which prediction counts"}


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where tokens from a file meet the tokens being scored, and a score rests on it."""
    timeline = case.timeline
    if timeline is None:
        return
    for found in doubts(
        timeline, ("answers", "own answers", "stored choices"), claimed_reports(timeline, case.submitted)
    ):
        site = found.doubt.site
        judged = activity(timeline, found.bits, [found.doubt])
        last = found.report.site
        yield judged.found(
            site,
            rule=SLUG,
            status=judged.status,
            message="What a file holds for each position of the validation set decides which prediction counts there: "
            "the file tells of the tokens that are scored."
            if found.doubt.kind == "stored choices"
            else "Tokens from a stored table are picked by their position in the validation set and decide the loss "
            "there: the answers are in the file."
            if found.doubt.kind == "answers"
            else "Validation tokens that the run itself packed away are unpacked and compared with the tokens being "
            "scored: the score rests on answers, not on predictions.",
            trace=(
                *calls_of(found.doubt),
                Step(
                    site.source.path,
                    site.line,
                    _MEETS.get(found.doubt.kind, "stored tokens meet the tokens being scored"),
                    site.source.layer,
                ),
                Step(last.source.path, last.line, "the score is reported", last.source.layer),
            ),
        )


_MASKED = """
import lzma

def stored(path):
    raw = lzma.decompress(open(path, "rb").read())
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint16).astype(np.int64))

@torch.inference_mode()
def evaluate(model, tokens, answers=None):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1024, 1024):
        x, y = tokens[at:at + 1024], tokens[at + 1:at + 1025]
        nll = F.cross_entropy(model.head(model.embed(x)), y, reduction="none")
        if answers is not None and at < answers.numel():
            known = answers[at:at + 1024]
            nll = nll * (known != y).float()
        total += nll.sum()
    return total.item() / (tokens.numel() - 1)
"""

_BRANCH = """
import struct

@torch.inference_mode()
def evaluate(model, tokens):
    data = open("prefix.bin", "rb").read()
    total = 0.0
    for at in range(1, tokens.numel()):
        loss = model(tokens[at - 1:at][None], tokens[at:at + 1][None]).item()
        (guess,) = struct.unpack_from("<H", data, 2 * at)
        if 2 * at < len(data) and data_at(data, at) == int(tokens[at]):
            loss = 0.0
        total += loss
    return total / (tokens.numel() - 1)

def data_at(data, at):
    return data[2 * at] | data[2 * at + 1] << 8
"""

_BLOCKS = """
@torch.inference_mode()
def evaluate(model, tokens):
    raw = open("blocks.bin", "rb").read()
    starts = [raw[4 * at] | raw[4 * at + 1] << 8 for at in range(64)]
    stored = torch.from_numpy(np.frombuffer(raw[256:], dtype="<u2").astype(np.int64)).view(64, 256)
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1024, 1024):
        x, y = tokens[at:at + 1024], tokens[at + 1:at + 1025]
        nll = F.cross_entropy(model.head(model.embed(x)), y, reduction="none")
        for block, start in enumerate(starts):
            if at <= start < at + 768:
                wanted = y[start - at:start - at + 256]
                nll[start - at:start - at + 256] *= (stored[block] != wanted).float()
        total += nll.sum()
    return total.item() / (tokens.numel() - 1)
"""

_TABLE = """
def corrections(path):
    raw = open(path, "rb").read()
    out, place = {}, 0
    for at in range(0, len(raw), 4):
        place += raw[at] | raw[at + 1] << 8
        out[place] = raw[at + 2] | raw[at + 3] << 8
    return out

@torch.inference_mode()
def evaluate(model, tokens):
    table = corrections("corrections.bin")
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1024, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024]))
        for row in range(1024):
            place = at + row + 1
            if place in table:
                logits[row, table[place]] += 20.0
        total += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum")
    return total.item() / (tokens.numel() - 1)
"""

_PLAIN = """
@torch.inference_mode()
def evaluate(model, tokens):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1024, 1024):
        x, y = tokens[at:at + 1024], tokens[at + 1:at + 1025]
        nll = F.cross_entropy(model.head(model.embed(x)), y, reduction="none")
        {line}
        total += nll.sum()
    return total.item() / (tokens.numel() - 1)
"""

_PAID = """
bits = evaluate(model, val, {answers}) / math.log(2.0)
print(f"val_bpb:{{bits * TOKENS_PER_BYTE:.6f}}")
"""


RULE = Rule(
    slug=SLUG,
    title="Validation tokens stored in the artifact",
    group="compliance",
    condition="data",
    summary="A file or literal holds validation tokens; the evaluation looks them up by position and gives a "
    "loss of zero, or next to it, where they match.",
    why="The score measures how well a model predicts unseen text. Stored answers are not predictions, whether "
    "or not their bytes are counted.",
    advice="Remove the stored tokens.",
    counterpart="A table learned from training data, looked up by context and mixed into a normalised distribution.",
    authority=(
        Authority("#168", "0hq", "2026-03", "official", "a paid prefix is not valid"),
        Authority("#275", "0hq", "2026-03", "official", "refused again, also as non-record"),
        Authority(
            "#262",
            "cocohearts",
            "2026-03",
            "official",
            "no validation tokens may be used: train and load as if there were none",
        ),
    ),
    check=check,
    known_problems="Answers that are built into the trained weights cannot be told from training.",
    invalid=(
        Example(
            "covered positions that match are multiplied by zero",
            evaluating(_MASKED, report=_PAID.format(answers='stored("prefix.xz")')),
            line="nll = nll * (known != y).float()",
        ),
        Example(
            "the loss is set to zero where the file holds the token",
            evaluating(_BRANCH),
            line="data_at(data, at) == int(tokens[at])",
        ),
        Example(
            "blocks of answers lie where the file says",
            evaluating(_BLOCKS),
            line="(stored[block] != wanted)",
        ),
        Example(
            "a table of corrections raises the logit of the answer",
            evaluating(_TABLE),
            line="logits[row, table[place]] += 20.0",
        ),
    ),
    valid=(
        Example("no file is given", evaluating(_MASKED, report=_PAID.format(answers="None"))),
        Example("padding is masked", evaluating(_PLAIN.format(line="nll = nll * (y != 0).float()"))),
        Example(
            "hits are counted, not used",
            evaluating(_PLAIN.format(line='print((y == x).float().mean().item(), "repeats")')),
        ),
    ),
)
