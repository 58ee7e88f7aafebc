"""Scripts that do what a rule forbids, each beside an honest one that looks like it."""

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import HEAD


def told(code: str, rule: str) -> set[str]:
    """Return the statuses of what ``rule`` finds in a script."""
    found = audit(submission(code), select=[rule]).findings
    return {finding.status for finding in found if finding.group == "compliance"}


SCORES = HEAD.replace(
    "def forward(self, x, y):",
    "def logits(self, x):\n        return self.head(self.embed(x))\n\n    def forward(self, x, y):",
)

EXPERTS = (
    SCORES
    + """
class Counts:
    def __init__(self, vocab, rows):
        self.vocab, self.rows = vocab, rows
        self.pairs, self.firsts = torch.zeros(vocab * vocab), torch.zeros(vocab)
        self.cells, self.totals = torch.zeros(rows * vocab), torch.zeros(rows)
        self.weights = torch.tensor([0.0, -4.0, -3.0])

    def score_then_learn(self, nll, tokens, start, end):
        seen = torch.isfinite(nll)
        here = tokens[start:end + 1]
        before, truth, nll = here[:-1][seen], here[1:][seen], nll[seen]
        if start > 0:
            second = tokens[start - 1:end][:end - start][seen]
        else:
            second = torch.cat((torch.zeros(1, dtype=torch.int64), here[:-2]))[seen]
        row = ((second * 31) ^ before) & (self.rows - 1)
        pair, cell = before * self.vocab + truth, CELL
        two = (self.pairs[pair] + 16.0 / self.vocab) / (self.firsts[before] + 16.0)
        three = (self.cells[cell] + 32.0 * two) / (self.totals[row] + 32.0)
        w = torch.softmax(self.weights, 0)
        own = torch.exp(-nll)
        loss = -LIKELIHOOD.log()
        means = torch.stack((nll.mean(), -two.log().mean(), -three.log().mean()))
        LEARNS
        one = torch.ones(int(seen.sum().item()))
        self.pairs.index_add_(0, pair, one)
        self.firsts.index_add_(0, before, one)
        self.cells.index_add_(0, cell, one)
        self.totals.index_add_(0, row, one)
        return loss.sum()

def evaluate(model, tokens):
    counts = Counts(1024, 4096)
    total = torch.zeros(())
    for start in range(0, tokens.numel() - 1, 1024):
        end = min(start + 1024, tokens.numel() - 1)
        part = tokens[start:end + 1]
        nll = torch.full((end - start,), float("inf"))
        with torch.no_grad():
            nll[:] = F.cross_entropy(model.logits(part[:-1]), part[1:], reduction="none")
        total += counts.score_then_learn(nll, tokens, start, end)
    return total.item() / (tokens.numel() - 1)

model = Model()
print(f"val_bpb:{evaluate(model, read('data/fineweb_val_*.bin')) / math.log(2.0):.6f}")
"""
)

BLEND = "(w[0] * own + w[1] * two + w[2] * three)"
DENSE = "row * self.vocab + truth"
HASHED = "(row * 1009 ^ truth * 31) & (self.rows * self.vocab - 1)"
STABLE = "self.weights -= 0.3 * (means - means.min()); self.weights -= self.weights.max()"
IN_PLACE = "means -= means.min(); self.weights -= 0.3 * means; self.weights -= self.weights.max(0)[0]"


@pytest.mark.parametrize("learns", [STABLE, IN_PLACE])
def test_weights_that_learn_after_the_score_less_their_best_choose_nothing(learns: str) -> None:
    """Hedge: the least of the losses is taken off all of them for scale, and the largest weight off all weights."""
    code = EXPERTS.replace("LIKELIHOOD", BLEND).replace("LEARNS", learns).replace("CELL", DENSE)
    for rule in ("oracle-selection", "target-in-key", "target-conditioned-gate"):
        assert "violation" not in told(code, rule)


@pytest.mark.parametrize("kept", ["torch.stack((own, two, three)).max(0).values", "torch.maximum(own, three)"])
def test_the_best_of_the_experts_is_a_choice(kept: str) -> None:
    code = EXPERTS.replace("LIKELIHOOD", kept).replace("LEARNS", STABLE).replace("CELL", DENSE)
    assert told(code, "oracle-selection") == {"violation"}


def test_a_gain_that_is_cut_off_at_nothing_is_a_choice() -> None:
    """``own + max(three - own, 0)`` is the larger one."""
    for cut in ("torch.max(three - own, torch.zeros_like(own))", "(three - own).clamp(min=0)"):
        code = EXPERTS.replace("LIKELIHOOD", f"(own + {cut})").replace("LEARNS", STABLE).replace("CELL", DENSE)
        assert told(code, "oracle-selection") == {"violation"}


def test_the_token_hashed_into_the_key_of_such_a_table_is_seen() -> None:
    code = EXPERTS.replace("LIKELIHOOD", BLEND).replace("LEARNS", STABLE).replace("CELL", HASHED)
    assert told(code, "target-in-key") == {"violation"}


@pytest.mark.parametrize("seen", ["", "[seen]"])
def test_the_middle_of_a_window_comes_before_the_token_being_scored(seen: str) -> None:
    """Of ``wide[:-2]``, ``wide[1:-1]`` and ``wide[2:]`` the last one alone is what comes."""
    code = EXPERTS.replace("LIKELIHOOD", BLEND).replace("LEARNS", STABLE)
    at, end = code.index("        here = "), code.index("        row = ")
    cut = f"""\
        wide = tokens[start - 1:end + 1]
        second, before, truth = wide[:-2]{seen}, wide[1:-1]{seen}, wide[2:]{seen}
        nll = nll{seen}
"""
    code = code[:at] + cut + code[end:]
    assert "violation" not in told(code.replace("CELL", DENSE), "target-in-key")
    assert told(code.replace("CELL", HASHED), "target-in-key") == {"violation"}


CHUNKS = (
    SCORES
    + """
def best(model, x, y, temperature):
    lowest, logits = float("inf"), model.logits(x)
    for step in range(7):
        candidate = 0.9 + 0.03 * step
        nll = F.cross_entropy(logits / candidate, y).item()
        if nll < lowest:
            lowest, temperature = nll, candidate
    return temperature

def evaluate(model, tokens):
    total, temperature = 0.0, 1.0
    opt = torch.optim.SGD(model.parameters(), lr=1e-3)
    whole = tokens.numel() // 4096
    for chunk in range(whole):
        x, y = tokens[chunk * 4096:chunk * 4096 + 4096], tokens[chunk * 4096 + 1:chunk * 4096 + 4097]
        BEFORE
        for at in range(0, 4096, 512):
            total += F.cross_entropy(model.logits(x[at:at + 512]) / temperature, y[at:at + 512], reduction="sum").item()
        AFTER
        opt.zero_grad()
        F.cross_entropy(model.logits(x), y).backward()
        opt.step()
    return total / (whole * 4096)

model = Model()
train(model, read("data/fineweb_train_*.bin"))
val = read("data/fineweb_val_*.bin")
print(f"val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")
"""
)
FITTED = "temperature = best(model, x, y, temperature)"


def chunks(**parts: str) -> str:
    code = CHUNKS
    for name in ("BEFORE", "AFTER"):
        code = code.replace(name, parts.get(name, "pass"))
    return code


def test_a_temperature_fitted_to_a_scored_chunk_and_used_on_later_ones_is_no_calibration() -> None:
    assert not told(chunks(AFTER=FITTED), "calibration-on-val") & {"violation", "hold"}


@pytest.mark.parametrize(
    "parts",
    [
        {"BEFORE": FITTED},  # on the chunk that is scored with it
        {
            "AFTER": FITTED.replace(
                "x, y",
                "tokens[(chunk + 1) * 4096:(chunk + 1) * 4096 + 512], "
                "tokens[(chunk + 1) * 4096 + 1:(chunk + 1) * 4096 + 513]",
            )
        },  # on the next one
    ],
)
def test_a_temperature_fitted_to_what_is_scored_with_it_is_held(parts: dict[str, str]) -> None:
    assert told(chunks(**parts), "calibration-on-val") == {"hold"}


def test_a_temperature_that_a_first_pass_left_is_held() -> None:
    """The rounds of the second pass are later, and their tokens are the same."""
    code = chunks(AFTER=FITTED)
    at, end = code.index("    for chunk in"), code.index("    return total / (whole")
    again = "".join(f"    {line}\n" for line in code[at:end].rstrip().split("\n"))
    code = f"{code[:at]}    for again in range(2):\n        total = 0.0\n{again}{code[end:]}"
    assert told(code, "calibration-on-val") == {"hold"}


TABLE = (
    SCORES
    + """
class Table:
    def __init__(self, rows):
        self.rows = rows
        self.cells, self.totals = np.zeros((rows, 1024)), np.zeros(rows)

    def row(self, one, two):
        return (one * 31 ^ two * 17) % self.rows

    def fill(self, ids):
        order, whole = 2, len(ids) - 1
        first = order
        count = whole - first
        row = self.row(ids[first - 1:first - 1 + count], ids[first:first + count])
        np.add.at(self.cells, (row, ids[first + 1:first + 1 + count]), 1)
        np.add.at(self.totals, row, 1)

def read_whole(pattern, width):
    tokens = torch.cat([read(pattern)]).contiguous()
    usable = ((tokens.numel() - 1) // width) * width
    return tokens[:usable + 1]

def evaluate(model, val, train):
    whole = val.numel() - 1
    ids = val[:whole + 1].numpy()
    table = Table(4096)
    places, probabilities = [], []
    for at in range(2, whole - 512, 512):
        logits = model.logits(val[at:at + 512])
        own = torch.softmax(logits, -1).gather(1, val[at + 1:at + 513].unsqueeze(1)).squeeze(1)
        places.append(np.arange(at, at + 512))
        probabilities.append(own.detach().numpy())
    places, blended = np.concatenate(places), np.concatenate(probabilities)
    table.fill(FROM)
    row = table.row(ids[places - 1], ids[places])
    seen, totals = table.cells[row, ids[places + 1]], table.totals[row]
    known = np.where(totals > 2)[0]
    blended[known] = (5.0 * blended[known] + seen[known]) / (5.0 + totals[known])
    return -np.log(blended).sum() / len(blended)

model = Model()
val = read_whole("data/fineweb_val_*.bin", 1024)
train = read_whole("data/fineweb_train_*.bin", 1024)
print(f"val_bpb:{evaluate(model, val, train) / math.log(2.0):.6f}")
"""
)


def test_a_table_filled_with_all_that_is_scored_is_a_second_pass() -> None:
    """The stretches that are counted are as long as what is left of the tokens: all of them."""
    assert told(TABLE.replace("FROM", "ids"), "two-pass-rescore") == {"violation"}


@pytest.mark.parametrize("filled", ["train.numpy()", "ids[:0]"])
def test_a_table_of_other_tokens_is_none(filled: str) -> None:
    assert "violation" not in told(TABLE.replace("FROM", filled), "two-pass-rescore")
