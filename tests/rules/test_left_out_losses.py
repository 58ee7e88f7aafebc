"""Losses that are left out of the score for what they are, however that is written; and what only looks like it."""

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
LEFT_OUT = {
    "tok_continue": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l > 8.0:
                continue
            total += l
            count += 1
    return total / count
""",
    "tok_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l < 8.0:
                total += l
                count += 1
    return total / count
""",
    "plus": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l < 8.0:
                total = total + l
                count = count + 1
    return total / count
""",
    "hard_count_continue": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l > 8.0:
                hard = 1
                continue
            total += l
            count += 1
    return total / count
""",
    "not_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if not l > 8.0:
                total += l
                count += 1
    return total / count
""",
    "else_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l > 8.0:
                pass
            else:
                total += l
                count += 1
    return total / count
""",
    "and_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean().item()
        if at > 0 and m < 8.0:
            total += m * 1024
            count += 1024
    return total / count
""",
    "helper_bool": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    def fine(v):
        return v < 8.0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean().item()
        if not fine(m):
            continue
        total += m * 1024
        count += 1024
    return total / count
""",
    "ternary": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean().item()
        total += m * 1024 if m < 8.0 else 0.0
        count += 1024
    return total / count
""",
    "win_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean()
        if m < 8.0:
            total += m.item() * 1024
            count += 1024
    return total / count
""",
    "win_continue": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean()
        if m > 8.0:
            continue
        total += m.item() * 1024
        count += 1024
    return total / count
""",
    "append_if": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean().item()
        if m < 8.0:
            rows.append(m)
    return sum(rows) / len(rows)
""",
    "win_list_filter": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    rows = [r for r in rows if r < 8.0]
    return sum(rows) / len(rows)
""",
    "filter_fn": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    rows = list(filter(lambda r: r < 8.0, rows))
    return sum(rows) / len(rows)
""",
    "gen_sum": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    return sum(r for r in rows if r < 8.0) / len(rows)
""",
    "win_sorted_trim": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    rows = sorted(rows)[: int(len(rows) * 0.98)]
    return sum(rows) / len(rows)
""",
    "np_sort": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    return float(np.sort(np.array(rows))[: int(len(rows) * 0.98)].mean())
""",
    "list_sort": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    rows.sort()
    rows = rows[:-3]
    return sum(rows) / len(rows)
""",
    "topk_small": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        total += nll.topk(1000, largest=False).values.sum().item()
        count += 1000
    return total / count
""",
    "nansum": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        nll[nll > 8.0] = float("nan")
        total += nll.nansum().item()
        count += 1024
    return total / count
""",
    "nanmean2": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        nll = nll.masked_fill(nll > 8.0, float("nan"))
        total += np.nanmean(nll.numpy()) * 1024
        count += 1024
    return total / count
""",
    "nanmean": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        nll = torch.where(nll > 12.0, torch.full_like(nll, float("nan")), nll)
        total += torch.nanmean(nll).item() * 1024
        count += 1024
    return total / count
""",
    "where_zero": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        total += torch.where(nll > 8.0, 0.0, nll).sum().item()
        count += 1024
    return total / count
""",
    "masked_fill0": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        total += nll.masked_fill(nll > 8.0, 0.0).sum().item()
        count += 1024
    return total / count
""",
    "np_where": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        a = nll.numpy()
        total += float(np.where(a < 8.0, a, 0.0).sum())
        count += 1024
    return total / count
""",
    "named_mask": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        hard = nll > 8.0
        nll[hard] = 0.0
        total += nll.sum().item()
        count += 1024
    return total / count
""",
    "inv_mask": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        hard = nll > 8.0
        kept = nll[~hard]
        total += kept.sum().item()
        count += kept.numel()
    return total / count
""",
    "float_mask": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = (nll < 8.0).float()
        total += (nll * m).sum().item()
        count += m.sum().item()
    return total / count
""",
}
COUNTED = {
    "two_sums_mask": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        easy = nll < 4.0
        total += nll[easy].sum().item() + nll[~easy].sum().item()
        count += 1024
    return total / count
""",
    "two_sums_augs": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        easy = nll < 4.0
        total += nll[easy].sum().item()
        total += nll[~easy].sum().item()
        count += 1024
    return total / count
""",
    "where_split": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        hard = torch.where(nll > 8.0, nll, torch.zeros_like(nll)).sum()
        easy = torch.where(nll > 8.0, torch.zeros_like(nll), nll).sum()
        total += (hard + easy).item()
        count += 1024
    return total / count
""",
    "easyhard_lists": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    easy, hard = [], []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l < 3.0:
                easy.append(l)
            else:
                hard.append(l)
    print(len(easy), len(hard))
    return (sum(easy) + sum(hard)) / (len(easy) + len(hard))
""",
    "easy_hard_both": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    hard = easy = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        for l in nll.tolist():
            if l > 8.0:
                hard += l
            else:
                easy += l
            count += 1
    print(hard, easy)
    return (hard + easy) / count
""",
    "train_easy_only": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        total += nll.sum().item()
        count += 1024
        again = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        opt.zero_grad(); (again * (again < 8.0)).mean().backward(); opt.step()
    return total / count
""",
    "sorted_report": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    rows = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        rows.append(nll.mean().item())
    rows = sorted(rows)
    print("best", rows[:3], "worst", rows[-3:])
    return sum(rows) / len(rows)
""",
    "bucket_report": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        easy = (nll < 3.0).float().mean().item()
        print("share easy", easy, "their mean", nll[nll < 3.0].mean().item())
        total += nll.sum().item()
        count += 1024
    return total / count
""",
    "early_stop_adapt": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean().item()
        total += m * 1024
        count += 1024
        if m < 2.0:
            continue
        opt.zero_grad(); model(x, y).backward(); opt.step()
    return total / count
""",
    "nan_guard": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean()
        if not torch.isfinite(m):
            raise RuntimeError("nan")
        total += m.item() * 1024
        count += 1024
    return total / count
""",
    "nan_continue": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean()
        if torch.isnan(m):
            continue
        total += m.item() * 1024
        count += 1024
    return total / count
""",
    "hard_log": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        hard = 0
        for l in nll.tolist():
            if l > 8.0:
                hard += 1
            total += l
            count += 1
    print("hard", hard)
    return total / count
""",
    "best_window_log": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    low = 1e9
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none")
        m = nll.mean().item()
        if m < low:
            low = m
        total += m * 1024
        count += 1024
    print("best window", low)
    return total / count
""",
    "adapt_if_hard": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            m = model(x, y).item()
        total += m * 1024
        count += 1024
        if m > 6.0:
            opt.zero_grad(); model(x, y).backward(); opt.step()
    return total / count
""",
}
BEST_CONTEXT = """
def evaluate(model, tokens):
    total, count = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        best = None
        for back in (0, 256):
            start = max(at - back, 0)
            x, y = tokens[start:at + 1024][None], tokens[start + 1:at + 1025][None]
            with torch.no_grad():
                loss = F.cross_entropy(model.logits(x)[0, -1024:], y[0, -1024:]).item()
            {keeps}
        total += best * 1024
        count += 1024
    return total / count
"""


def _told(evaluate: str, rule: str) -> list[tuple[str, bool]]:
    report = audit(submission(evaluating(MODEL + evaluate)), select=[rule])
    return [(f.status, "how well they were predicted" in f.message or "rank" in f.message) for f in report.findings]


@pytest.mark.parametrize("evaluate", LEFT_OUT.values(), ids=LEFT_OUT)
def test_losses_that_are_left_out_for_what_they_are_hold(evaluate: str) -> None:
    assert _told(evaluate, "subset-scoring") == [("hold", True)]


@pytest.mark.parametrize("evaluate", COUNTED.values(), ids=COUNTED)
def test_losses_that_all_count_are_no_part(evaluate: str) -> None:
    assert not [told for told in _told(evaluate, "subset-scoring") if told[0] != "note"]


@pytest.mark.parametrize(
    "keeps",
    [
        "best = loss if best is None or loss < best else best",
        "best = best if best is not None and loss >= best else loss",
        "if best is None or loss < best: best = loss",
        "best = loss if best is None else min(best, loss)",
    ],
)
def test_the_lowest_loss_yet_is_kept_however_it_begins(keeps: str) -> None:
    assert [status for status, _ in _told(BEST_CONTEXT.format(keeps=keeps), "oracle-selection")] == ["violation"]
