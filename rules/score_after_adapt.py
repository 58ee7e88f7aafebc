"""Scoring tokens, inside the evaluation loop, after the model was adapted on them."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.leaks import Leak, findings
from rules.torch_scripts import FINAL_EPOCH, SCORE_FIRST, evaluating

SLUG = "score-after-adapt"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "Inside the evaluation the model is adapted on tokens whose loss, computed afterwards at line "
        f"{leak.score.site.line}, is what the reported score adds up."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each update that precedes, in the evaluation's own loop, the score that counts."""
    yield from findings(case, "within", SLUG, say)


_LAST_OF_THREE = evaluating(FINAL_EPOCH.replace("EPOCHS", "3"))
_LAST_OF_ONE = evaluating(FINAL_EPOCH.replace("EPOCHS", "1"))

_SET_TO_ZERO = evaluating("""
def evaluate(model, tokens, epochs=2):
    bounds = [(at, min(at + 4096, tokens.numel() - 1)) for at in range(0, tokens.numel() - 1, 4096)]
    total, count = 0.0, 0
    for first, last in bounds:
        sgd = torch.optim.SGD(model.parameters(), lr=0.002)
        for epoch in range(epochs):
            doc_nll, doc_count = 0.0, 0
            for at in range(first, last, 512):
                end = min(at + 512, last)
                loss = model(tokens[at:end][None], tokens[at + 1:end + 1][None])
                doc_nll += loss.item() * (end - at)
                doc_count += end - at
                sgd.zero_grad()
                loss.backward()
                sgd.step()
        total += doc_nll
        count += doc_count
    return total / count
""")

_BY_HAND = evaluating("""
def evaluate(model, tokens, rate=0.01):
    params = list(model.head.parameters())
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        saved = [p.detach().clone() for p in params]
        grads = torch.autograd.grad(model(x, y), params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p.add_(g, alpha=-rate)
            total += model(x, y).item() * 1024
            for p, old in zip(params, saved):
                p.copy_(old)
    return total / (tokens.numel() - 1)
""")

_DOCUMENTS = evaluating("""
class Adapted(torch.nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.delta = torch.nn.Linear(64, 1024, bias=False)

    def forward(self, x, y):
        hidden = self.base.embed(x)
        return F.cross_entropy((self.base.head(hidden) + self.delta(hidden)).flatten(0, 1), y.flatten())

def documents(tokens):
    starts = (tokens == 1).nonzero().flatten().tolist()
    return [tokens[a:b] for a, b in zip(starts, starts[1:])]

def fit(lora, doc):
    inner = torch.optim.AdamW(lora.delta.parameters(), lr=1e-3)
    for at in range(0, len(doc) - 1, 256):
        piece = doc[at:at + 257]
        inner.zero_grad()
        lora(piece[:-1][None], piece[1:][None]).backward()
        inner.step()

def evaluate(model, tokens):
    total = 0.0
    for doc in documents(tokens):
        lora = Adapted(model)
        fit(lora, doc)
        with torch.no_grad():
            total += lora(doc[:-1][None], doc[1:][None]).item() * (len(doc) - 1)
    return total / (tokens.numel() - 1)
""")

_STATE = evaluating("""
class Evaluator:
    def __init__(self, model):
        self.model = model
        self.opt = torch.optim.Adam(model.parameters(), lr=1e-4)
        self.nll = 0.0
        self.seen = 0

    def learn(self, x, y):
        self.opt.zero_grad(set_to_none=True)
        self.model(x, y).backward()
        self.opt.step()

    def score(self, x, y):
        with torch.no_grad():
            self.nll += self.model(x, y).item() * y.numel()
        self.seen += y.numel()

    def run(self, tokens):
        for at in range(0, tokens.numel() - 1025, 1024):
            batch = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
            self.learn(*batch)
            self.score(*batch)
        return self.nll / self.seen

def evaluate(model, tokens):
    return Evaluator(model).run(tokens)
""")

_ONE_GRAPH = evaluating("""
def evaluate(model, tokens):
    opt = torch.optim.AdamW(model.parameters(), lr=1e-5)
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1025, 1024):
        loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
        total += loss.detach() * 1024
        opt.zero_grad()
        loss.backward()
        opt.step()
    return total.item() / (tokens.numel() - 1)
""")

_PREVIOUS = evaluating("""
def evaluate(model, tokens):
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    total = 0.0
    before = None
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        if before is not None:
            opt.zero_grad()
            model(*before).backward()
            opt.step()
        with torch.no_grad():
            total += model(x, y).item() * y.numel()
        before = (x, y)
    return total / (tokens.numel() - 1)
""")

_APART = evaluating("""
def bank(model, x, y):
    with torch.no_grad():
        return model(x, y).item() * y.numel()

def learn(model, opt, x, y, passes):
    for _ in range(passes):
        opt.zero_grad()
        model(x, y).backward()
        opt.step()

def evaluate(model, tokens):
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        batch = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        total += bank(model, *batch)
        learn(model, opt, *batch, passes=4)
    return total / (tokens.numel() - 1)
""")

_FRESH = evaluating("""
def evaluate(model, tokens):
    total = 0.0
    for start in range(0, tokens.numel() - 4097, 4096):
        lora = copy.deepcopy(model)
        inner = torch.optim.Adam(lora.parameters(), lr=1e-3)
        for at in range(start, start + 4096, 512):
            loss = lora(tokens[at:at + 512][None], tokens[at + 1:at + 513][None])
            total += loss.item() * 512
            inner.zero_grad()
            loss.backward()
            inner.step()
    return total / (tokens.numel() - 1)
""")

RULE = Rule(
    slug=SLUG,
    title="Scored after adapting on the same tokens",
    group="compliance",
    condition="C3",
    summary="The evaluation loop adapts on a chunk or document and the loss that is added to the reported score is "
    "computed after that: several epochs of which the last one counts, train first and score then, or per-epoch "
    "accumulators that are set to zero again.",
    why="The first pass over a chunk is the only one in which its tokens are unseen. A later pass scores what the "
    "model has just been trained on.",
    advice="Keep the loss of the first pass over each chunk, computed before the first step on it, and report that.",
    counterpart="Several epochs on a chunk are fine when its score was banked before the first of them (#549, #1413).",
    authority=(
        Authority(
            "README",
            "OpenAI",
            "2026",
            "official",
            "test-time training only on tokens that are already graded",
        ),
        Authority(
            "#568",
            "valerio-oai",
            "2026-03",
            "official",
            "the final loss reported is the one after training on the document",
        ),
        Authority("#642", "valerio-oai", "2026-03", "official", "scores after adapting on the same tokens"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("three epochs over the chunks, of which the last one counts", _LAST_OF_THREE, "sgd.step()"),
        Example("the document's sums are set to zero at every epoch", _SET_TO_ZERO, "sgd.step()"),
        Example("a step by hand on the batch that is then scored, and back", _BY_HAND, "p.add_("),
        Example("a fresh adapter, trained through each document before it is scored", _DOCUMENTS, "inner.step()"),
        Example("a class that learns and then scores", _STATE, "self.opt.step()"),
    ),
    valid=(
        Example("the same loop with one epoch", _LAST_OF_ONE),
        Example("scored, added up, and then trained on for three epochs", evaluating(SCORE_FIRST)),
        Example("the loss is added up before its own gradient is taken", _ONE_GRAPH),
        Example("the step is on the window before", _PREVIOUS),
        Example("scoring and learning in functions of their own", _APART),
        Example("a fresh copy per document, each piece scored before its step", _FRESH),
    ),
)
