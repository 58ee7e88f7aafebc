"""Honest scripts that were once flagged, each beside the dishonest one that it looks like."""

import json

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import HEAD, MAIN, REPORT

LOGITS = HEAD.replace(
    "    def forward(self, x, y):\n",
    "    def logits(self, x):\n        return self.head(self.embed(x))\n\n    def forward(self, x, y):\n",
)


def flagged(code: str, files: dict[str, str] | None = None, *rules: str) -> set[str]:
    """Return the rules that a script breaks, among ``rules`` (all, if none is named)."""
    found = audit(submission("import os\n" + code, files), select=list(rules) or None).findings
    return {finding.rule for finding in found if finding.status == "violation" and finding.group == "compliance"}


PREFIX = (
    LOGITS
    + """
def evaluate(model, tokens, hop=None):
    hop = 64 if hop is None else hop
    if hop > 512:
        hop = 512
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 513, hop):
        x, y = tokens[at:at + 512][None], tokens[at + 1:at + 513][None]
        if at == 0:
            cut = 0
        else:
            cut = 512 - hop
        if cut > 0:
            opt = torch.optim.Adam(model.parameters(), lr=1e-4)
            opt.zero_grad()
            model(x[:, :FITTED], y[:, :FITTED]).backward()
            opt.step()
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        total += nll[cut:].sum().item()
        count += y.numel() - cut
        if RESTORE:
            model.load_state_dict(kept)
    return total / count
"""
    + MAIN
    + """
for step in range(9):
    last = step == 8
    if last or step == 4:
        evaluate(model, val, None if last else 512)
print(f"final_exact val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")
"""
)


@pytest.mark.parametrize(
    ("fitted", "restore", "rules"),
    [
        ("cut", "cut > 0", set()),
        ("cut", "cut > 0 and kept is not None", set()),
        ("cut", "cut > 0 and at % 2", {"prequant-ttt"}),
        ("cut", "cut > 64", {"prequant-ttt"}),
        ("512", "cut > 0", {"score-after-adapt"}),
    ],
)
def test_what_is_fitted_on_a_prefix_is_set_back_under_the_same_condition(
    fitted: str, restore: str, rules: set[str]
) -> None:
    code = PREFIX.replace("FITTED", fitted).replace("RESTORE", restore)
    assert flagged(code, None, "prequant-ttt", "score-after-adapt") == rules


COUNTED = (
    LOGITS
    + """
def documents(tokens):
    starts = (tokens == 1).nonzero(as_tuple=True)[0].tolist()
    return [(starts[i], starts[i + 1] - starts[i]) for i in range(len(starts) - 1)]

def evaluate(model, tokens):
    counts, rows = np.zeros((1024, 1024)), np.zeros(1024)
    total, count = 0.0, 0
    for begin, length in documents(tokens):
        x, y = tokens[begin:begin + length], tokens[begin + 1:begin + length + 1]
        with torch.no_grad():
            logp = F.log_softmax(model.logits(x[None])[0], dim=-1)
        spread = -(logp.exp() * logp).sum(dim=-1)[0:length].numpy()
        gold = logp.gather(1, y[:, None]).squeeze(1).exp().numpy()
        for j in range(length):
            before, came = int(x[j]), int(y[j])
            weight = 0.2 * rows[before] / (rows[before] + 8.0) * float(GATE)
            share = counts[before, came] / max(rows[before], 1.0)
            total -= math.log((1.0 - weight) * float(gold[j]) + weight * share)
            counts[before, came] += 1
            rows[before] += 1
        count += length
    return total / count
"""
    + MAIN
    + 'print(f"final_exact val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")\n'
)


@pytest.mark.parametrize(("gate", "rules"), [("spread[j]", set()), ("gold[j]", {"target-conditioned-gate"})])
def test_an_entropy_cut_at_document_bounds_knows_nothing_of_the_token(gate: str, rules: set[str]) -> None:
    assert flagged(COUNTED.replace("GATE", gate), None, "target-conditioned-gate") == rules


TREE = (
    LOGITS
    + """
class Tree:
    def __init__(self, size):
        self.size, self.seen = size, []

    def guess(self):
        out = torch.ones(self.size)
        for token in self.seen:
            out[token] += 1.0
        return out / out.sum()

    def add(self, token):
        self.seen.append(token)

def evaluate(model, tokens):
    tree = Tree(1024) if float(os.environ.get("TREE", "0.1")) > 0 else None
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 513, 512):
        x, y = tokens[at:at + 512], tokens[at + 1:at + 513]
        logp = F.log_softmax(model.logits(x[None])[0], dim=-1)
        spread = -(logp.exp() * logp).sum(dim=-1)
        for j in range(512):
            target = y[j:j + 1]
            weight = 0.1 * min(spread[j].item() / math.log(tree.size), 1.0)
            mixed = (1.0 - weight) * logp[j] + weight * torch.log(tree.guess())
            mixed = FACTOR * (mixed - mixed.logsumexp(dim=-1, keepdim=True))
            total += F.cross_entropy(mixed[None], target, reduction="sum").item()
            tree.add(y[j].item())
        count += 512
    return total / count
"""
    + MAIN
    + 'print(f"final_exact val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")\n'
)


@pytest.mark.parametrize(("factor", "rules"), [("1.0", set()), ("(1.0 + 0.1 * target)", {"target-conditioned-gate"})])
def test_an_entropy_times_a_tree_of_earlier_tokens_scales_no_prediction(factor: str, rules: set[str]) -> None:
    assert flagged(TREE.replace("FACTOR", factor), None, "target-conditioned-gate") == rules


ARMS = (
    LOGITS
    + """
use_bias = bool(int(os.environ.get("USE_BIAS", "0")))
use_heat = float(os.environ.get("USE_HEAT", "0")) > 0

def evaluate(model, tokens):
    print(f"scan:start windows={tokens.numel() // 512}{f' bias_steps={3} bias_rate={0.1}' if use_bias else ''}")
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 513, 512):
        x, y = tokens[at:at + 512][None], tokens[at + 1:at + 513][None]
        if use_bias:
            hidden = model.embed(x).detach()
            delta = torch.zeros(1, 1, 64, requires_grad=True)
            opt = torch.optim.AdamW([delta], lr=0.1)
            for _ in range(3):
                opt.zero_grad()
                F.cross_entropy(model.head(hidden + delta).flatten(0, 1), y.flatten()).backward()
                opt.step()
            nll = F.cross_entropy(model.head(hidden + delta.detach()).flatten(0, 1), y.flatten(), reduction="none")
            total += nll[448:512].sum().item()
        else:
            logits = model.logits(x)[0]
            if use_heat:
                logits = logits * (1.0 + y[0] % 2)[:, None]
            nll = F.cross_entropy(logits, y[0], reduction="none")
            total += nll[440:512].sum().item()
        count += 64
    return total / count
"""
    + MAIN
    + """
if int(os.environ.get("AT_END", "0")):
    print(f"scan_final val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")
"""
)


@pytest.mark.parametrize(
    ("words", "rules"),
    [
        (" bias_steps=3 bias_rate=0.1", {"slot-scored-region"}),
        ("", set()),
    ],
)
def test_a_printed_score_proves_the_arm_whose_words_are_printed_and_no_other(words: str, rules: set[str]) -> None:
    log = f"seed:42\nscan:start windows=9{words}\nscan_final val_bpb:1.100000\n"
    files = {"train_seed42.log": log, "submission.json": '{"val_bpb": 1.1, "seeds": [42]}'}
    found = audit(submission("import os\n" + ARMS, files)).findings
    active = {f.rule for f in found if f.status == "violation" and f.group == "compliance"}
    assert active == rules
    for finding in found:
        if finding.rule.startswith("slot-"):
            lines = ("import os\n" + ARMS).split("\n")
            assert not any("[440:512]" in lines[step.line - 1] for step in finding.trace if step.line)


BOTH_WAYS = ARMS.replace(
    """if int(os.environ.get("AT_END", "0")):
    print(""",
    """if os.environ.get("ONLY", "0") == "1":
    print(f"from a checkpoint of {tokens_of_it}")
    if use_bias:
        print(f"scan_final val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")
elif use_bias:
    print(""",
).replace("tokens_of_it", "'here'")


def test_words_on_both_branches_prove_neither() -> None:
    """Both ways end in the claimed score's line; whichever it was, the bias was on."""
    log = "seed:42\nscan:start windows=9\nscan_final val_bpb:1.100000\n"
    files = {"train_seed42.log": log, "submission.json": '{"val_bpb": 1.1, "seeds": [42]}'}
    assert flagged(BOTH_WAYS, files, "slot-scored-region") == {"slot-scored-region"}


TABLE = """
def evaluate(model, tokens):
    counts = np.zeros(4096)
    total, count = 0.0, 0
    for at in range(1, tokens.numel() - 1):
        with torch.no_grad():
            logp = F.log_softmax(model.logits(tokens[at:at + 1][None])[0, 0], dim=-1)
        slot = (int(tokens[at]) * 36313 ^ int(tokens[at + 1]) * 27191) % 4096
        total -= math.log(0.9 * math.exp(logp[tokens[at + 1]].item()) + 0.1 * counts[slot] / 9.0)
        counts[slot] += 1
        count += 1
    return total / count

order = int(os.environ.get("ORDER", "9"))
"""
REFERENCE = (
    LOGITS
    + TABLE
    + MAIN
    + 'print(f"plain val_bpb:{model(val[:-1][None], val[1:][None]).item() / math.log(2.0):.6f}")\n'
    + 'print(f"window_ngram{order}_exact val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")\n'
)


def test_a_claimed_mean_is_found_beside_a_log_of_another_run() -> None:
    scores = {"1": 0.4818, "2": 0.4821, "3": 0.4821, "other": 0.4896}
    files = {
        f"train_seed{seed}.log": f"seed:{seed}\nplain val_bpb:1.119600\nwindow_ngram9_exact val_bpb:{score:.6f}\n"
        for seed, score in scores.items()
    }
    each = {f"seed_{seed}": {"val_bpb": score} for seed, score in scores.items() if seed != "other"}
    files["submission.json"] = json.dumps({**each, "val_bpb": 0.4820})
    files["README.md"] = "# A table\n\n| Seed | Plain BPB |\n|-|-|\n| Mean | 1.1196 |\n"
    assert flagged(REFERENCE, files, "target-in-key") == {"target-in-key"}


TILT = (
    LOGITS
    + """
def tilted(own, of_hint, hit, gate, boost):
    out = own.copy()
    scale = math.exp(boost)
    yes, no = gate & hit, gate & ~hit
    out[yes] = (ABOVE * own[yes]) / (1.0 - own[yes] + scale * own[yes])
    out[no] = own[no] / (1.0 - of_hint[no] + scale * of_hint[no])
    return out

def evaluate(model, tokens):
    total, count = 0.0, 0
    hints = np.zeros(1024, dtype=np.int64)
    for at in range(0, tokens.numel() - 513, 512):
        x, y = tokens[at:at + 512], tokens[at + 1:at + 513]
        with torch.no_grad():
            probs = model.logits(x[None])[0].softmax(dim=-1)
        hint = torch.from_numpy(hints[x.numpy()])
        own = probs.gather(1, y[:, None]).squeeze(1).numpy()
        of_hint = probs.gather(1, hint[:, None]).squeeze(1).numpy()
        total -= np.log(tilted(own, of_hint, hint.numpy() == y.numpy(), of_hint > 0.1, 0.5)).sum()
        hints[x.numpy()] = y.numpy()
        count += 512
    return total / count
"""
    + MAIN
    + 'print(f"final_exact val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")\n'
)


@pytest.mark.parametrize(("above", "rules"), [("scale", set()), ("scale * scale", {"target-conditioned-gate"})])
def test_a_tilt_in_its_two_cases_is_divided_by_its_normaliser(above: str, rules: set[str]) -> None:
    assert flagged(TILT.replace("ABOVE", above), None, "target-conditioned-gate") == rules


def test_a_printed_score_of_a_table_tells_what_made_it() -> None:
    code = LOGITS + TABLE + MAIN
    code += 'print(f"plain val_bpb:{model(val[:-1][None], val[1:][None]).item() / math.log(2.0):.6f}")\n'
    code += 'if int(os.environ.get("USE_TABLE", "0")):\n'
    code += '    print(f"table_final val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")\n'
    files = {
        "README.md": "# Hashed n-gram cache\n\nval_bpb: 0.4820\n",
        "submission.json": '{"val_bpb": 0.4820, "name": "Hashed n-gram cache"}',
    }
    logged = {**files, "train_seed1.log": "seed:1\nplain val_bpb:1.119600\ntable_final val_bpb:0.482000\n"}
    found = [f.status for f in audit(submission("import os\n" + code, logged), select=["target-in-key"]).findings]
    assert found == ["violation"]
    found = [f.status for f in audit(submission("import os\n" + code, files), select=["target-in-key"]).findings]
    assert "hold" in found
    assert "violation" not in found


SEARCHED = (
    LOGITS
    + """
def evaluate(model, tokens):
    table = np.zeros(4096)
    total, count = 0.0, 0
    stream = tokens.numpy()
    for at in range(0, tokens.numel() - 513, 512):
        x, y = tokens[at:at + 512], tokens[at + 1:at + 513]
        with torch.no_grad():
            own = np.exp(-F.cross_entropy(model.logits(x[None])[0], y, reduction="none").numpy())
        places = np.arange(at + 1, at + 513)
        shares = np.zeros(512)
        for width in (2, 1):
            there = np.nonzero((places >= width) & (shares == 0))[0]
            key = (stream[places[there] - width] * 36313 ^ KEY) % 4096
            counted = table[key]
            enough = counted >= 2
            shares[there[enough]] = counted[enough] / 9.0
        total -= np.log(0.9 * own + 0.1 * shares).sum()
        count += 512
    return total / count
"""
    + MAIN
    + 'print(f"final_exact val_bpb:{evaluate(model, val) / math.log(2.0):.6f}")\n'
)


@pytest.mark.parametrize(
    ("key", "rules"),
    [("stream[places[there] - 3] * 27191", set()), ("stream[places[there]] * 27191", {"target-in-key"})],
)
def test_what_is_stored_at_places_still_rests_on_its_table(key: str, rules: set[str]) -> None:
    assert flagged(SEARCHED.replace("KEY", key), None, "target-in-key") == rules


LAYERED = """
import glob, math
import numpy as np
import torch
import torch.nn.functional as F

def read(pattern):
    parts = [np.fromfile(p, dtype=np.uint16) for p in sorted(glob.glob(pattern))]
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.extra = torch.nn.Embedding(1024, 64), torch.nn.Embedding(1024, 64)
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(64, 64) for _ in range(3)])
        self.head = torch.nn.Linear(64, 1024)

    def value(self, number, ids):
        return self.extra(ids) * number

    def forward(self, ids, targets):
        x = self.embed(ids)
        for number in range(3):
            x = self.blocks[number](x + self.value(number, ids))
        return F.cross_entropy(self.head(x)[0], targets[0])

def evaluate(net, tokens):
    sgd = torch.optim.SGD(net.parameters(), lr=1e-3)
    total = 0.0
    for at in range(0, len(tokens) - 1025, 1024):
        first = net(tokens[None, at:at + 1024], tokens[None, at + 1:at + 1025])
        learn(net, tokens, at, sgd)
        total += first.item() * 1024
    return total

def learn(net, tokens, at, sgd):
    sgd.zero_grad()
    net(tokens[None, at:at + 1024], tokens[None, at + 1:at + 1025]).backward()
    sgd.step()

val, net = read("data/fineweb_val_*.bin"), Net()
ways = {"legal": evaluate}
print(f"val_bpb:{ways['legal'](net, val) / math.log(2.0) / val.numel():.6f}")
"""


def test_the_number_of_a_layer_before_the_tokens_does_not_hide_of_which_round_they_are() -> None:
    assert not flagged(LAYERED)
    late = LAYERED.replace("        first = net(", "        learn(net, tokens, at, sgd)\n        first = net(")
    assert flagged(late)


WARMED = (
    LOGITS
    + """
def nats(model, x, y, heat):
    return F.cross_entropy((model.logits(x) / heat)[0], y[0])

def warmest(model, x, y):
    best, least = 1.0, float("inf")
    for heat in (0.9, 1.0, 1.1):
        with torch.no_grad():
            loss = nats(model, x, y, heat).item()
        if loss < least:
            best, least = heat, loss
    return best

def evaluate(model, tokens):
    sgd, heat, total = torch.optim.SGD(model.parameters(), lr=1e-3), 1.0, 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            total += nats(model, x, y, heat).item() * 1024
        heat = warmest(model, x, y)
        sgd.zero_grad()
        nats(model, x, y, 1.0).backward()
        sgd.step()
    return total / (tokens.numel() - 1)
"""
    + MAIN
    + REPORT
)


@pytest.mark.parametrize(("now", "held"), [(False, False), (True, True)])
def test_what_a_chunk_chose_after_its_score_is_no_calibration(now: bool, held: bool) -> None:
    code = WARMED
    if now:
        code = WARMED.replace(
            "        with torch.no_grad():\n            total",
            "        heat = warmest(model, x, y)\n        with torch.no_grad():\n            total",
        )
    findings = audit(submission("import os\n" + code), select=["calibration-on-val"]).findings
    assert bool([f for f in findings if f.status == "hold"]) == held


PATCHED = (
    HEAD
    + """
def widths(net, stream):
    widest, kept = {}, net.head.forward

    def seen(self, x):
        widest["head"] = x.abs().amax(dim=(0, 1))
        return F.linear(x, self.weight)

    net.head.forward = seen.__get__(net.head, type(net.head))
    for i in range(16):
        net(stream[i * 512:(i + 1) * 512][None], stream[i * 512 + 1:(i + 1) * 512 + 1][None])
    net.head.forward = kept
    return widest

def evaluate(model, tokens):
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        with torch.no_grad():
            total += model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]).item() * 1024
    return total / (tokens.numel() - 1)
"""
    + MAIN
    + """
widest = widths(model, SOURCE)
state = model.state_dict()
state["head.weight"] = state["head.weight"] * widest["head"].clamp(min=1e-3).sqrt()
model.load_state_dict(state)
"""
    + REPORT
)


@pytest.mark.parametrize(("source", "held"), [("val", True), ('read("data/fineweb_train_*.bin")', False)])
def test_a_forward_that_is_bound_to_its_module_watches(source: str, held: bool) -> None:
    assert bool(flagged(PATCHED.replace("SOURCE", source), None, "calibration-on-val")) == held
