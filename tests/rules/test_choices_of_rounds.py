"""Which of several predictions counts is decided by these themselves, or by those of an earlier round."""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import evaluating

MODEL = """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(1024, 64)
        self.norm = torch.nn.LayerNorm(64)
        self.head = torch.nn.Linear(64, 1024)
        self.bias = torch.nn.Parameter(torch.zeros(1024))
    def logits(self, x):
        return self.head(self.norm(self.embed(x))) + self.bias
    def forward(self, x, y):
        return F.cross_entropy(self.logits(x).flatten(0, 1), y.flatten())
Model = Net
"""
BY_THEMSELVES = {
    "doc_min": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        total += min(base, done)
        count += b - a
    return total / count
""",
    "doc_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        use = done < base
        total += done if use else base
        count += b - a
    return total / count
""",
    "doc_dict": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        scores = {"base": base, "ttt": done}
        total += scores[min(scores, key=scores.get)]
        count += b - a
    return total / count
""",
    "doc_list_argmin": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        pair = [base, done]
        total += pair[int(np.argmin(pair))]
        count += b - a
    return total / count
""",
    "doc_bool_index": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        total += (base, done)[done < base]
        count += b - a
    return total / count
""",
    "switch_by_last_token_gain": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        gain = base - done
        total += base - max(gain, 0.0)
        count += b - a
    return total / count
""",
    "doc_try_lr": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        results = []
        for lr in (0.0, 0.01, 0.1):
            model.load_state_dict(base_state)
            opt = torch.optim.SGD(model.parameters(), lr=lr)
            done = 0.0
            for s in range(0, x.size(1), 256):
                with torch.no_grad():
                    done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
                opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
            results.append(done)
        total += min(results)
        count += b - a
    return total / count
""",
    "try_lr_argmin": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        results = []
        for lr in (0.0, 0.01, 0.1):
            model.load_state_dict(base_state)
            opt = torch.optim.SGD(model.parameters(), lr=lr)
            done = 0.0
            for s in range(0, x.size(1), 256):
                with torch.no_grad():
                    done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
                opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
            results.append(done)
        total += results[int(np.argmin(results))]
        count += b - a
    return total / count
""",
    "mix_weight_by_own_loss": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    w = 0.5
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = model.logits(x)[0].softmax(-1).gather(1, y[0][:, None])
            b = other.logits(x)[0].softmax(-1).gather(1, y[0][:, None])
        w = (a.mean() / (a.mean() + b.mean())).item()
        total += -(w * a + (1 - w) * b).log().sum().item()
        count += 1024
    return total / count
""",
}
BY_EARLIER_ONES = {
    "choose_by_prev": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    use = False
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        total += done if use else base
        use = done < base
        count += b - a
    return total / count
""",
    "choose_by_prev_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    use = False
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        if use:
            total += done
        else:
            total += base
        use = done < base
        count += b - a
    return total / count
""",
    "choose_by_prev_where": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    use = torch.zeros(1, dtype=torch.bool)
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten())
            b = F.cross_entropy(other.logits(x).flatten(0, 1), y.flatten())
        total += torch.where(use, b, a).item() * 1024
        use = b < a
        count += 1024
    return total / count
""",
    "choose_by_prev_index": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    best = 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten()).item()
            b = F.cross_entropy(other.logits(x).flatten(0, 1), y.flatten()).item()
        total += [a, b][best] * 1024
        best = int(np.argmin([a, b]))
        count += 1024
    return total / count
""",
    "choose_expert_by_past_totals": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    sums = [0.0, 0.0]
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten()).item()
            b = F.cross_entropy(other.logits(x).flatten(0, 1), y.flatten()).item()
        total += (a if sums[0] <= sums[1] else b) * 1024
        sums[0] += a
        sums[1] += b
        count += 1024
    return total / count
""",
    "hedge": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    sums = np.zeros(2)
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = model.logits(x)[0].softmax(-1).gather(1, y[0][:, None])[:, 0].numpy()
            b = other.logits(x)[0].softmax(-1).gather(1, y[0][:, None])[:, 0].numpy()
        w = np.exp(-(sums - sums.min()))
        w = w / w.sum()
        total += -np.log(w[0] * a + w[1] * b).sum()
        sums += np.array([-np.log(a).sum(), -np.log(b).sum()])
        count += 1024
    return total / count
""",
    "hedge_list": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    sums = [0.0, 0.0]
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = model.logits(x)[0].softmax(-1).gather(1, y[0][:, None])[:, 0].numpy()
            b = other.logits(x)[0].softmax(-1).gather(1, y[0][:, None])[:, 0].numpy()
        low = min(sums)
        w = [math.exp(low - s) for s in sums]
        total += -np.log((w[0] * a + w[1] * b) / sum(w)).sum()
        sums[0] += -np.log(a).sum()
        sums[1] += -np.log(b).sum()
        count += 1024
    return total / count
""",
    "mix_weight_by_past_loss": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    other = copy.deepcopy(model)
    w = 0.5
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            a = model.logits(x)[0].softmax(-1).gather(1, y[0][:, None])
            b = other.logits(x)[0].softmax(-1).gather(1, y[0][:, None])
        total += -(w * a + (1 - w) * b).log().sum().item()
        w = (a.mean() / (a.mean() + b.mean())).item()
        count += 1024
    return total / count
""",
    "doc_ttt_only": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        print("gain", base - done)
        total += done
        count += b - a
    return total / count
""",
    "doc_choose_by_len": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        total += done if b - a > 512 else base
        count += b - a
    return total / count
""",
    "track_best_doc": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    best = None
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            base = F.cross_entropy(model.logits(x)[0], y[0], reduction="sum").item()
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        done = 0.0
        for s in range(0, x.size(1), 256):
            with torch.no_grad():
                done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
            opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
        model.load_state_dict(base_state)
        total += done
        best = done if best is None or done < best else best
        count += b - a
    print("easiest document", best)
    return total / count
""",
    "try_lr_mean": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        results = []
        for lr in (0.0, 0.01, 0.1):
            model.load_state_dict(base_state)
            opt = torch.optim.SGD(model.parameters(), lr=lr)
            done = 0.0
            for s in range(0, x.size(1), 256):
                with torch.no_grad():
                    done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
                opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
            results.append(done)
        total += sum(results) / len(results)
        count += b - a
    return total / count
""",
    "try_lr_first": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ends = (tokens == 1).nonzero().flatten().tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        x, y = tokens[a:b][None], tokens[a + 1:b + 1][None]
        base_state = {k: v.clone() for k, v in model.state_dict().items()}
        results = []
        for lr in (0.0, 0.01, 0.1):
            model.load_state_dict(base_state)
            opt = torch.optim.SGD(model.parameters(), lr=lr)
            done = 0.0
            for s in range(0, x.size(1), 256):
                with torch.no_grad():
                    done += F.cross_entropy(model.logits(x[:, s:s + 256])[0], y[0, s:s + 256], reduction="sum").item()
                opt.zero_grad(); model(x[:, s:s + 256], y[:, s:s + 256]).backward(); opt.step()
            results.append(done)
        total += results[0]
        print('best', min(results))
        count += b - a
    return total / count
""",
    "rows_min_print": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            rows.append(model(x, y).item())
    print("easiest", min(rows), "at", int(np.argmin(rows)))
    return sum(rows) / len(rows)
""",
    "rows_shift": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            rows.append(model(x, y).item())
    low = min(rows)
    return low + sum(r - low for r in rows) / len(rows)
""",
}


def _told(evaluate: str) -> set[str]:
    report = audit(submission(evaluating(MODEL + evaluate)), select=["oracle-selection", "target-conditioned-gate"])
    return {f.status for f in report.findings if f.status != "note"}


@pytest.mark.parametrize("evaluate", BY_THEMSELVES.values(), ids=BY_THEMSELVES)
def test_predictions_that_choose_among_themselves(evaluate: str) -> None:
    assert _told(evaluate) == {"violation"}


@pytest.mark.parametrize("evaluate", BY_EARLIER_ONES.values(), ids=BY_EARLIER_ONES)
def test_what_earlier_tokens_cost_may_choose(evaluate: str) -> None:
    assert _told(evaluate) == set()
