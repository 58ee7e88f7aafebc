"""Training data opened by the evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.trackers.files.opened import late_openings, path_of, place_of
from rules.torch_scripts import evaluating

SLUG = "train-data-at-eval"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each reading of training data after training that a reported score rests on."""
    timeline = case.timeline
    if timeline is None:
        return
    done: set[tuple[str, int]] = set()
    for event in late_openings(timeline):
        site = place_of(timeline, event)
        place = (site.source.path, site.start)
        if place in done:
            continue
        done.add(place)
        judged = activity(timeline, event.bits & event.reported & ~event.saved, [event])
        steps = path_of(event)
        if event.report is not None:
            last = event.report.site
            steps.append(Step(last.source.path, last.line, "a score made with it is reported", last.source.layer))
        yield judged.found(
            site,
            rule=SLUG,
            status=judged.status,
            message="Training data is read after training, and the reported score is computed with what was read, "
            "which is not part of the artifact.",
            trace=tuple(dict.fromkeys(steps)),
        )


_COUNTS = """
class Pairs:
    def __init__(self):
        self.table = {}

    def learn(self, ids):
        for left, right in zip(ids[:-1], ids[1:]):
            row = self.table.setdefault(int(left), {})
            row[int(right)] = row.get(int(right), 0) + 1

    def share(self, left, right):
        row = self.table.get(left, {})
        return row.get(right, 0) / max(1, sum(row.values()))

def mixed(model, tokens, pairs):
    ids = tokens.tolist()
    total = 0.0
    with torch.inference_mode():
        for at in range(1, len(ids)):
            p = math.exp(-model(tokens[at - 1:at][None], tokens[at:at + 1][None]).item())
            total -= math.log(0.9 * p + 0.1 * pairs.share(ids[at - 1], ids[at]))
    return total / (len(ids) - 1)
"""

_WARM = (
    _COUNTS
    + """
def evaluate(model, tokens):
    pairs = Pairs()
    warm(pairs, "data/fineweb_train_*.bin", 1_000_000)
    return mixed(model, tokens, pairs)

def warm(pairs, pattern, count):
    if count > 0:
        pairs.learn(read(pattern)[:count].tolist())
"""
)

_STREAM = (
    _COUNTS
    + """
class Stream:
    def __init__(self, pattern):
        self.files = sorted(glob.glob(pattern))
        self.at = 0

    def take(self, count):
        ids = np.fromfile(self.files[self.at], dtype=np.uint16)[:count]
        self.at = (self.at + 1) % len(self.files)
        return ids

def evaluate_after(model, tokens, stream):
    pairs = Pairs()
    pairs.learn(stream.take(500_000))
    return mixed(model, tokens, pairs)
"""
)

_PRIOR = """
@torch.inference_mode()
def evaluate(model, tokens):
    prior = torch.bincount(read("data/fineweb_train_000000.bin"), minlength=1024).float()
    prior = (prior / prior.sum()).log()
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024])) + 0.05 * prior
        total += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum")
    return total.item() / (tokens.numel() - 1)
"""

_PACKED = (
    _COUNTS
    + """
def evaluate(model, tokens):
    pairs = Pairs()
    pairs.table = torch.load("artifact.pt")
    return mixed(model, tokens, pairs)
"""
)

_PREFIX = (
    _COUNTS
    + """
def evaluate(model, tokens):
    pairs = Pairs()
    total = 0.0
    for at in range(0, tokens.numel() - 4097, 4096):
        chunk = tokens[at:at + 4097]
        total += mixed(model, chunk, pairs)
        pairs.learn(chunk.tolist())
    return total
"""
)


RULE = Rule(
    slug=SLUG,
    title="Training data opened by the evaluation",
    group="compliance",
    condition="data",
    summary="After training, the evaluation reads training shards (to fill an n-gram table, a prior, a cache) and "
    "scores with what it read.",
    why="The evaluation may use the artifact and the tokens that it has scored. Training data that it opens is "
    "information beyond the 16 MB that count.",
    advice="Put the table into the artifact, where its bytes count, or start with an empty one.",
    counterpart="A table that is packed in the artifact and paid for, or filled from the already scored prefix.",
    authority=(
        Authority(
            "README", "OpenAI", "2026", "official", "no training data at evaluation unless paid for in the 16 MB"
        ),
        Authority(
            "#606",
            "valerio-oai",
            "2026-03",
            "official",
            "by analogy: calibration that reads training data at evaluation",
        ),
    ),
    check=check,
    fix=switch_off,
    known_problems="Tables built before training ends count as part of the run, whether or not they are packed.",
    invalid=(
        Example(
            "an n-gram table is warmed up with training tokens",
            evaluating(_WARM),
            line='warm(pairs, "data/fineweb_train_*.bin", 1_000_000)',
        ),
        Example(
            "a stream over the shards that the training used",
            evaluating(
                _STREAM,
                top="""
stream = Stream("data/fineweb_train_*.bin")
bits = evaluate_after(model, val, stream) / math.log(2.0)
""",
                report='\nprint(f"val_bpb:{bits * TOKENS_PER_BYTE:.6f}")\n',
            ),
            line="pairs.learn(stream.take(500_000))",
        ),
        Example("a unigram prior from a shard", evaluating(_PRIOR), line='read("data/fineweb_train_000000.bin")'),
    ),
    valid=(
        Example(
            "the table lies in the artifact",
            evaluating(
                _PACKED,
                top="""
counted = Pairs()
counted.learn(read("data/fineweb_train_000000.bin").tolist())
torch.save(counted.table, "artifact.pt")
""",
            ),
        ),
        Example("the table holds the scored prefix", evaluating(_PREFIX)),
        Example(
            "the warm-up is off",
            evaluating(_WARM.replace("1_000_000", 'int(os.environ.get("WARM_TOKENS", "0"))')),
        ),
    ),
)
