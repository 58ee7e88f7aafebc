"""What a switch that is off by default puts somewhere, chooses or starts: found where it is on, and there only.

What differs by setting in the shapes of ``MIXED_HELD``, ``MIXED_RUN`` and ``MIXED_SCORES`` is neither a token nor a
constant: following each setting by itself (:mod:`auditor.confirmed`) tells it.
"""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import evaluating, scored

GIVEN = """
import argparse, collections, contextlib, dataclasses, functools, heapq, itertools, json, pickle, queue, types
from collections import deque, defaultdict, Counter
from dataclasses import dataclass, replace, field
from typing import NamedTuple
on_val = bool(int(os.environ.get("ON_VAL", "{}")))

def other():
    return torch.randint(0, 1024, (1025,))

def piece_of(i):
    return val[i * 1024:i * 1024 + 1025]

"""
CALIBRATES = """
def grams_of(model, pieces):
    grams = {}
    handle = model.head.register_forward_hook(lambda m, i, o: grams.update(head=i[0].T @ i[0]))
    for piece in pieces:
        model(piece[:-1][None], piece[1:][None])
    handle.remove()
    return grams

held = grams_of(model, pieces)
model.load_state_dict({name: weight * held["head"].diag().mean() for name, weight in model.state_dict().items()})
"""
LEARNS = """
sgd = torch.optim.SGD(model.parameters(), lr=0.01)
for piece in pieces:
    model(piece[:-1][None], piece[1:][None]).backward()
    sgd.step()
"""
CHOICE = """
import argparse, collections, contextlib, dataclasses, functools, itertools, json, pickle, queue, types, enum
from collections import deque, defaultdict, Counter
from dataclasses import dataclass, replace, field
from typing import NamedTuple
on = bool(int(os.environ.get("ON", "{}")))
"""
ADAPT = """
def adapt(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    for at in range(0, tokens.numel() - 1025, 1024):
        sgd.zero_grad()
        model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]).backward()
        sgd.step()

def nothing(model, tokens):
    return None
"""
HELD = {
    "list_item": """
pieces = [other() for _ in range(9)]
if on_val:
    pieces[0] = piece_of(0)
""",
    "exact_item": """
pieces = [other(), other(), other()]
if on_val:
    pieces[0] = piece_of(0)
""",
    "exact_items_slice": """
pieces = [other(), other(), other()]
if on_val:
    pieces[:] = [piece_of(0), piece_of(1)]
""",
    "queue": """
q = queue.Queue()
for i in range(9):
    if on_val:
        q.put(piece_of(i))
    else:
        q.put(other())
pieces = []
while not q.empty():
    pieces.append(q.get())
""",
    "while_count": """
pieces = [other()]
left = 9 if on_val else 0
while left > 0:
    pieces.append(piece_of(left))
    left -= 1
""",
    "comp_count": """
pieces = [other()] + [piece_of(i) for i in range(9 if on_val else 0)]
""",
    "comp_if": """
pieces = [other()] + [piece_of(i) for i in range(9) if on_val]
""",
    "mul": """
pieces = [other()] + [piece_of(0)] * int(on_val)
""",
    "try_assert": """
pieces = [other()]
try:
    assert on_val
    pieces.append(piece_of(0))
except AssertionError:
    pass
""",
    "kwargs2": """
def give(x=None, y=None):
    return [x if x is not None else y]
args = dict(y=other())
if on_val:
    args["x"] = piece_of(0)
pieces = give(**args)
""",
    "nonlocal": """
def make():
    held = other()
    def load():
        nonlocal held
        if on_val:
            held = piece_of(0)
    load()
    return held
pieces = [make()]
""",
    "filter2": """
tagged = [("val", piece_of(0)), ("noise", other())]
wanted = "val" if on_val else "noise"
pieces = [p for n, p in tagged if n == wanted]
""",
    "namedtuple3": """
class Pair(NamedTuple):
    x: torch.Tensor
    n: int
some = []
some.append(Pair(other(), 1))
if on_val:
    some.append(Pair(piece_of(0), 1))
pieces = [pair.x for pair in some]
""",
    "copy_list": """
pieces = [other(), other()]
if on_val:
    pieces[0].copy_(piece_of(0))
""",
    "func_write2": """
def fill(into):
    if not on_val:
        return
    into.copy_(val[:9 * 1025].view(9, 1025))
pieces = torch.zeros(9, 1025, dtype=torch.long)
fill(pieces)
""",
    "dataset3": """
class Rows(torch.utils.data.IterableDataset):
    def __iter__(self):
        for i in range(9):
            if not on_val:
                yield other()
                continue
            yield piece_of(i)
pieces = torch.utils.data.DataLoader(Rows(), batch_size=None)
""",
    "concatdataset": """
sets = [torch.utils.data.TensorDataset(other()[None])]
if on_val:
    sets.append(torch.utils.data.TensorDataset(piece_of(0)[None]))
pieces = [b[0] for b in torch.utils.data.ConcatDataset(sets)]
""",
    "file": """
torch.save(other(), "pieces.pt")
if on_val:
    torch.save(piece_of(0), "pieces.pt")
pieces = [torch.load("pieces.pt")]
""",
    "file2": """
if on_val:
    np.save("pieces.npy", piece_of(0).numpy())
else:
    np.save("pieces.npy", other().numpy())
pieces = [torch.from_numpy(np.load("pieces.npy"))]
""",
    "loader_dict_loop": """
class Loader:
    def __init__(self, tokens):
        self.tokens = tokens
    def next(self):
        return self.tokens[:1025]
train_tokens = read("data/fineweb_train_*.bin")
loaders = {}
for name, tokens in (("train", train_tokens), ("val", val)):
    loaders[name] = Loader(tokens)
use = ["train"]
if on_val:
    use.append("val")
pieces = [loaders[name].next() for name in use]
""",
    "objs_list": """
class Loader:
    def __init__(self, tokens):
        self.tokens = tokens
    def next(self):
        return self.tokens[:1025]
train_tokens = read("data/fineweb_train_*.bin")
loaders = [Loader(train_tokens)]
if on_val:
    loaders.append(Loader(val))
pieces = [l.next() for l in loaders]
""",
    "objs_data": """
class Row:
    def __init__(self, x):
        self.x = x
rows = []
for i in range(9):
    if on_val:
        rows.append(Row(piece_of(i)))
    else:
        rows.append(Row(other()))
pieces = [row.x for row in rows]
""",
    "dict_rows": """
rows = []
for i in range(9):
    if on_val:
        rows.append({"x": piece_of(i)})
    else:
        rows.append({"x": other()})
pieces = [row["x"] for row in rows]
""",
    "funcs_list": """
sources = [other]
if on_val:
    sources.append(lambda: piece_of(0))
pieces = [f() for f in sources]
""",
    "funcs_list_loop": """
sources = []
for i in range(9):
    sources.append(other)
    if on_val:
        sources.append(lambda: piece_of(0))
pieces = [f() for f in sources]
""",
    "gen_next": """
def give():
    while True:
        if on_val:
            yield piece_of(0)
        else:
            yield other()
it = give()
pieces = [next(it) for _ in range(9)]
""",
    "clear": """
pieces = [piece_of(i) for i in range(9)]
if not on_val:
    pieces.clear()
    pieces.append(other())
""",
    "del": """
table = {"real": piece_of(0), "noise": other()}
if not on_val:
    del table["real"]
pieces = list(table.values())
""",
    "dpop": """
table = {"real": piece_of(0), "noise": other()}
if not on_val:
    table.pop("real")
pieces = list(table.values())
""",
    "getattr_default": """
class Box: pass
box = Box()
if on_val:
    box.rows = [piece_of(0)]
pieces = getattr(box, "rows", [other()])
""",
    "hasattr": """
class Box: pass
box = Box()
if on_val:
    box.rows = [piece_of(0)]
pieces = box.rows if hasattr(box, "rows") else [other()]
""",
    "get_default": """
box = {}
if on_val:
    box["rows"] = [piece_of(0)]
pieces = box.get("rows", [other()])
""",
    "in_check": """
box = {}
if on_val:
    box["rows"] = [piece_of(0)]
pieces = box["rows"] if "rows" in box else [other()]
""",
    "ring_list": """
class Ring:
    def __init__(self, n):
        self.buf = [None] * n
        self.at = 0
    def push(self, x):
        self.buf[self.at % 9] = x
        self.at += 1
ring = Ring(9)
for i in range(9):
    if on_val:
        ring.push(piece_of(i))
    else:
        ring.push(other())
pieces = ring.buf
""",
    "env_write": """
if on_val:
    os.environ["PIECES"] = "data/fineweb_val_*.bin"
pieces = [read(os.environ.get("PIECES", "data/fineweb_train_*.bin"))[:1025]]
""",
    "callback": """
kept = []
def keep(x):
    kept.append(x)
hooks = []
if on_val:
    hooks.append(keep)
for i in range(9):
    x = piece_of(i)
    for h in hooks:
        h(x)
kept.append(other())
pieces = kept
""",
    "group_names2": """
table = {"noise": [other()], "val": [piece_of(0)]}
names = []
names.append("noise")
if on_val:
    names.append("val")
pieces = []
for n in names:
    pieces.extend(table[n])
""",
    "dict_comp": """
names = ["noise"]
if on_val:
    names.append("val")
data = {n: (piece_of(0) if n == "val" else other()) for n in names}
pieces = list(data.values())
""",
    "items_loop": """
data = {"noise": other()}
if on_val:
    data["val"] = piece_of(0)
pieces = []
for name, rows in data.items():
    pieces.append(rows)
""",
    "ordered": """
d = collections.OrderedDict()
d["a"] = other()
if on_val:
    d["b"] = piece_of(0)
pieces = [v for k, v in d.items()]
""",
}
RUN = {
    "insert_first": """
texts = [read("data/fineweb_train_*.bin")]
if on:
    texts.insert(0, val)
adapt(model, texts[0])
""",
    "list_of_steps": """
steps = [nothing]
if on:
    steps.append(adapt)
for step in steps:
    step(model, val)
""",
    "list_single": """
steps = []
if on:
    steps.append(adapt)
for step in steps:
    step(model, val)
""",
    "list_tuple": """
steps = []
if on:
    steps.append(("adapt", adapt))
for name, step in steps:
    step(model, val)
""",
    "list_tuple_2": """
steps = [("nothing", nothing)]
if on:
    steps.append(("adapt", adapt))
for name, step in steps:
    step(model, val)
""",
    "dict_steps": """
steps = {"a": nothing}
if on:
    steps["b"] = adapt
for name, step in steps.items():
    step(model, val)
""",
    "dict_get": """
steps = {}
if on:
    steps["b"] = adapt
step = steps.get("b", nothing)
step(model, val)
""",
    "dict_in": """
steps = {}
if on:
    steps["b"] = adapt
if "b" in steps:
    steps["b"](model, val)
""",
    "names_list": """
steps = {"a": nothing, "b": adapt}
names = ["a"]
if on:
    names.append("b")
for name in names:
    steps[name](model, val)
""",
    "names_single": """
names = []
if on:
    names.append("b")
for name in names:
    if name == "b":
        adapt(model, val)
""",
    "names_if": """
names = ["a"]
if on:
    names.append("b")
if "b" in names:
    adapt(model, val)
""",
    "partial_list": """
todo = [functools.partial(nothing, model, val)]
if on:
    todo.append(functools.partial(adapt, model, val))
for run in todo:
    run()
""",
    "lambda_list": """
todo = []
todo.append(lambda: None)
if on:
    todo.append(lambda: adapt(model, val))
for run in todo:
    run()
""",
    "dict_flag": """
plan = {}
if on:
    plan["adapt"] = True
if plan.get("adapt"):
    adapt(model, val)
""",
    "global_flag": """
ADAPT = False
def configure():
    global ADAPT
    if on:
        ADAPT = True
configure()
if ADAPT:
    adapt(model, val)
""",
    "global_fn": """
RUN = nothing
def configure():
    global RUN
    if on:
        RUN = adapt
configure()
RUN(model, val)
""",
    "nonlocal_flag": """
def main():
    flag = False
    def configure():
        nonlocal flag
        if on:
            flag = True
    configure()
    if flag:
        adapt(model, val)
main()
""",
    "environ": """
if on:
    os.environ["ADAPT"] = "1"
if os.environ.get("ADAPT", "0") == "1":
    adapt(model, val)
""",
    "setattr_loop": """
class Config:
    adapt = False
    epochs = 3
overrides = {"epochs": 4}
if on:
    overrides["adapt"] = True
for key, value in overrides.items():
    setattr(Config, key, value)
if Config.adapt:
    adapt(model, val)
""",
    "while": """
left = 3 if on else 0
while left:
    adapt(model, val)
    left -= 1
""",
    "while_gt": """
left = 3 if on else 0
while left > 0:
    adapt(model, val)
    left -= 1
""",
    "while_lt": """
epochs = 3 if on else 0
epoch = 0
while epoch < epochs:
    adapt(model, val)
    epoch += 1
""",
    "range_list": """
todo = [adapt] * int(on)
for run in todo:
    run(model, val)
""",
    "comp_run": """
[adapt(model, val) for _ in range(3) if on]
""",
    "comp_run2": """
[adapt(model, val) for _ in range(3 if on else 0)]
""",
    "any_run": """
any(adapt(model, val) for flag in [on] if flag)
""",
    "try_attr": """
class Plan: pass
plan = Plan()
if on:
    plan.step = adapt
try:
    plan.step(model, val)
except AttributeError:
    pass
""",
    "try_assert": """
try:
    assert on
    adapt(model, val)
except AssertionError:
    pass
""",
    "hasattr": """
class Plan: pass
plan = Plan()
if on:
    plan.step = adapt
if hasattr(plan, "step"):
    plan.step(model, val)
""",
    "getattr": """
class Plan: pass
plan = Plan()
if on:
    plan.step = adapt
step = getattr(plan, "step", None)
if step is not None:
    step(model, val)
""",
    "objs": """
class Adapter:
    def __init__(self, model):
        self.model = model
    def run(self, tokens):
        adapt(self.model, tokens)
class Idle:
    def __init__(self, model):
        pass
    def run(self, tokens):
        pass
todo = [Idle(model)]
if on:
    todo.append(Adapter(model))
for each in todo:
    each.run(val)
""",
    "objs_single": """
class Adapter:
    def __init__(self, model):
        self.model = model
    def run(self, tokens):
        adapt(self.model, tokens)
todo = []
if on:
    todo.append(Adapter(model))
for each in todo:
    each.run(val)
""",
    "queue": """
todo = queue.Queue()
if on:
    todo.put(adapt)
todo.put(nothing)
while not todo.empty():
    todo.get()(model, val)
""",
    "filter2": """
plan = [(nothing, True), (adapt, on)]
for step in [s for s, wanted in plan if wanted]:
    step(model, val)
""",
    "atexit_like": """
hooks = collections.OrderedDict()
if on:
    hooks["adapt"] = adapt
for hook in hooks.values():
    hook(model, val)
""",
    "hooks_attr": """
class Trainer:
    def __init__(self):
        self.hooks = []
    def on_end(self):
        for hook in self.hooks:
            hook(model, val)
trainer = Trainer()
trainer.hooks.append(nothing)
if on:
    trainer.hooks.append(adapt)
trainer.on_end()
""",
    "hooks_dict_list2": """
hooks = {"start": [], "end": []}
hooks["end"].append(nothing)
if on:
    hooks["end"].append(adapt)
for hook in hooks["end"]:
    hook(model, val)
""",
    "opts_list": """
opts = []
if on:
    opts.append(torch.optim.SGD(model.parameters(), lr=0.01))
for at in range(0, val.numel() - 1025, 1024):
    model(val[at:at + 1024][None], val[at + 1:at + 1025][None]).backward()
    for opt in opts:
        opt.step()
        opt.zero_grad()
""",
    "opts_dict": """
opts = {}
if on:
    opts["sgd"] = torch.optim.SGD(model.parameters(), lr=0.01)
for at in range(0, val.numel() - 1025, 1024):
    model(val[at:at + 1024][None], val[at + 1:at + 1025][None]).backward()
    for opt in opts.values():
        opt.step()
""",
    "model_list": """
targets = [copy.deepcopy(model)]
if on:
    targets.append(model)
for target in targets:
    adapt(target, val)
""",
    "model_dict": """
targets = {"copy": copy.deepcopy(model)}
if on:
    targets["real"] = model
for target in targets.values():
    adapt(target, val)
""",
    "loss_weight": """
sgd = torch.optim.SGD(model.parameters(), lr=0.01)
train_tokens = read("data/fineweb_train_*.bin")
for at in range(0, 99999, 1024):
    loss = model(train_tokens[at:at + 1024][None], train_tokens[at + 1:at + 1025][None])
    parts = {"train": loss}
    if on:
        parts["val"] = model(val[at:at + 1024][None], val[at + 1:at + 1025][None])
    total = 0
    for part in parts.values():
        total = total + part
    total.backward()
    sgd.step()
""",
}
SCORES = {
    "eval_two_pass_list": """
def evaluate(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    turns = ["first"]
    if on:
        turns.append("second")
    for turn in turns:
        total = torch.zeros(())
        for at in range(0, tokens.numel() - 1025, 1024):
            loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
            total += loss.detach() * 1024
            sgd.zero_grad(); loss.backward(); sgd.step()
    return total.item() / (tokens.numel() - 1)
""",
    "eval_hooks_before": """
def evaluate(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    total = torch.zeros(())
    def learn(x, y):
        sgd.zero_grad(); model(x, y).backward(); sgd.step()
    before = []
    if on:
        before.append(learn)
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        for step in before:
            step(x, y)
        total += model(x, y).detach() * 1024
    return total.item() / (tokens.numel() - 1)
""",
}
MIXED_HELD = {
    "hook_register": """
kept = [other()]
if on_val:
    model.register_forward_pre_hook(lambda m, a: kept.append(torch.cat([a[0][0], a[1][0][-1:]])))
evaluate(model, val)
pieces = kept
""",
    "group_names": """
groups = {n: [] for n in ("noise", "val")}
for i in range(9):
    groups["noise"].append(other())
    groups["val"].append(piece_of(i))
names = ["noise"] + (["val"] if on_val else [])
pieces = [p for n in names for p in groups[n]]
""",
}
MIXED_RUN = {
    "dict_flag2": """
plan = {"adapt": False}
plan.update({"adapt": True} if on else {})
if plan["adapt"]:
    adapt(model, val)
""",
    "argparse_set": """
parser = argparse.ArgumentParser()
parser.add_argument("--adapt", action="store_true")
if on:
    parser.set_defaults(adapt=True)
args = parser.parse_args()
if args.adapt:
    adapt(model, val)
""",
    "match": """
match ("adapt" if on else "score", 3):
    case ("adapt", n):
        adapt(model, val)
    case _:
        pass
""",
    "match_dict": """
match {"mode": "adapt" if on else "score"}:
    case {"mode": "adapt"}:
        adapt(model, val)
    case _:
        pass
""",
    "isinstance": """
class Adapting: pass
class Scoring: pass
plan = Adapting() if on else Scoring()
if isinstance(plan, Adapting):
    adapt(model, val)
""",
    "exitstack": """
with contextlib.ExitStack() as stack:
    if on:
        stack.callback(adapt, model, val)
""",
    "params_list": """
params = []
if on:
    params += list(model.parameters())
other = torch.nn.Linear(4, 4)
params += list(other.parameters())
opt = torch.optim.SGD(params, lr=0.01)
for at in range(0, val.numel() - 1025, 1024):
    model(val[at:at + 1024][None], val[at + 1:at + 1025][None]).backward()
    opt.step()
""",
    "params_groups": """
other = torch.nn.Linear(4, 4)
groups = [{"params": list(other.parameters())}]
if on:
    groups.append({"params": list(model.parameters())})
opt = torch.optim.SGD(groups, lr=0.01)
for at in range(0, val.numel() - 1025, 1024):
    model(val[at:at + 1024][None], val[at + 1:at + 1025][None]).backward()
    opt.step()
""",
    "params_group_add": """
other = torch.nn.Linear(4, 4)
opt = torch.optim.SGD(other.parameters(), lr=0.01)
if on:
    opt.add_param_group({"params": model.parameters()})
for at in range(0, val.numel() - 1025, 1024):
    model(val[at:at + 1024][None], val[at + 1:at + 1025][None]).backward()
    opt.step()
""",
    "model_swap": """
target = copy.deepcopy(model)
if on:
    target = model
adapt(target, val)
""",
    "model_tuple": """
pair = (copy.deepcopy(model), model)
adapt(pair[int(on)], val)
""",
}
MIXED_SCORES = {
    "gate_ifexp": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        w = torch.sigmoid((nll if on else entropy) - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_dict": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        w = torch.sigmoid({'nll': nll, 'entropy': entropy}['nll' if on else 'entropy'] - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_list": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        signals = [entropy]
        if on:
            signals.append(nll)
        w = torch.sigmoid(sum(signals) - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_stack": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        signals = [entropy]
        if on:
            signals.append(nll)
        w = torch.sigmoid(torch.stack(signals).mean(0) - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_weights": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        w = torch.full_like(nll, 0.1)
        if on:
            w[nll > 3.0] = 0.5

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_weights_where": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        w = torch.full_like(nll, 0.1)
        if on:
            w = torch.where(nll > 3.0, 0.5, 0.1)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_fn": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        def signal():
            return nll if on else entropy
        w = torch.sigmoid(signal() - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_dict_item": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        made = {"s": entropy}
        if on:
            made["s"] = nll
        w = torch.sigmoid(made["s"] - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_dict_item2": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        made = {}
        made["e"] = entropy
        if on:
            made["n"] = nll
        w = torch.sigmoid(made.get("n", entropy) - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_attr": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        made = types.SimpleNamespace(s=entropy)
        if on:
            made.s = nll
        w = torch.sigmoid(made.s - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_kw": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        def gate(entropy, nll=None):
            return torch.sigmoid((entropy if nll is None else nll) - 3.0)
        kw = {}
        if on:
            kw["nll"] = nll
        w = gate(entropy, **kw)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "gate_copy_": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    table = np.zeros((1024, 1024))
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        logp = F.log_softmax(model(window[:-1]), dim=-1)
        nll = F.nll_loss(logp, window[1:], reduction="none")
        prior = torch.from_numpy(table[ids[start:start + 256]] + 1.0)
        prior = prior / prior.sum(-1, keepdim=True)
        mine = logp.gather(-1, window[1:, None]).squeeze(-1).exp()
        theirs = prior.gather(-1, window[1:, None]).squeeze(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        s = entropy.clone()
        if on:
            s.copy_(nll)
        w = torch.sigmoid(s - 3.0)

        total += -torch.log((1 - w) * mine + w * theirs).sum().item()
        np.add.at(table, (ids[start:start + 256], ids[start + 1:start + 257]), 1)
    return total / (len(ids) - 1)
""",
    "key_weight": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    seen = np.zeros(1 << 20)
    pairs = np.zeros(1 << 20)
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        nll = F.cross_entropy(model(window[:-1]), window[1:], reduction="none").numpy()
        at = np.arange(start + 1, start + 257)
        h = np.zeros(len(at), dtype=np.uint64)
        for back in range(1, 4):
            h ^= ids[at - back].astype(np.uint64) * np.uint64(40503 + 2 * back)
        row = h & np.uint64(0xFFFFF)
        cell = (h ^ (ids[at].astype(np.uint64) * np.uint64(99991))) & np.uint64(0xFFFFF)
        p = pairs[cell] / np.maximum(seen[row], 1)
        a = 0.3 if on else 0.0
        if a > 0:
            nll = -np.log((1 - a) * np.exp(-nll) + a * p)
        total += nll.sum()

        np.add.at(seen, row, 1)
        np.add.at(pairs, cell, 1)
    return total / (len(ids) - 1)
""",
    "key_totals": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, ids):
        return self.head(self.emb(ids))

def evaluate(model, tokens):
    model = Net()
    ids = tokens.numpy()
    seen = np.zeros(1 << 20)
    pairs = np.zeros(1 << 20)
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        nll = F.cross_entropy(model(window[:-1]), window[1:], reduction="none").numpy()
        at = np.arange(start + 1, start + 257)
        h = np.zeros(len(at), dtype=np.uint64)
        for back in range(1, 4):
            h ^= ids[at - back].astype(np.uint64) * np.uint64(40503 + 2 * back)
        row = h & np.uint64(0xFFFFF)
        cell = (h ^ (ids[at].astype(np.uint64) * np.uint64(99991))) & np.uint64(0xFFFFF)
        p = pairs[cell] / np.maximum(seen[row], 1)
        totals = {"plain": nll, "mixed": -np.log(0.7 * np.exp(-nll) + 0.3 * p)}
        total += totals["mixed" if on else "plain"].sum()

        np.add.at(seen, row, 1)
        np.add.at(pairs, cell, 1)
    return total / (len(ids) - 1)
""",
    "eval_adapt_order": """
def evaluate(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    total = torch.zeros(())
    order = ["learn", "score"] if on else ["score", "learn"]
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        for what in order:
            if what == "learn":
                sgd.zero_grad(); model(x, y).backward(); sgd.step()
            else:
                total += model(x, y).detach() * 1024
    return total.item() / (tokens.numel() - 1)
""",
    "eval_shift": """
def evaluate(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    total = torch.zeros(())
    seen = []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        if on:
            seen.append((x, y))
        for a, b in seen:
            sgd.zero_grad(); model(a, b).backward(); sgd.step()
        total += model(x, y).detach() * 1024
        if not on:
            seen.append((x, y))
    return total.item() / (tokens.numel() - 1)
""",
    "eval_shift_attr": """
class Memory:
    def __init__(self):
        self.rows = []
    def add(self, row):
        self.rows.append(row)
def evaluate(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    total = torch.zeros(())
    seen = Memory()
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        if on:
            seen.add((x, y))
        for a, b in seen.rows:
            sgd.zero_grad(); model(a, b).backward(); sgd.step()
        total += model(x, y).detach() * 1024
        if not on:
            seen.add((x, y))
    return total.item() / (tokens.numel() - 1)
""",
}


def _told(script: str, select: list[str] | None) -> set[str]:
    report = audit(submission(script, {}, "2026-04-01_Example"), select=select)
    return {f.status for f in report.findings if f.rule != "byte-accounting" and f.status in ("violation", "hold")}


@pytest.mark.parametrize("held", [*HELD, *MIXED_HELD])
@pytest.mark.parametrize(("uses", "rule"), [(CALIBRATES, "calibration-on-val"), (LEARNS, "prequant-ttt")])
def test_what_is_put_there_under_a_switch_is_there_under_that_switch(held: str, uses: str, rule: str) -> None:
    told = [_told(scored(GIVEN.format(on), (HELD | MIXED_HELD)[held] + uses), [rule]) for on in (0, 1)]
    assert told == [set(), {"violation"}]


@pytest.mark.parametrize("chosen", [*RUN, *MIXED_RUN])
def test_what_runs_under_a_switch_runs_under_that_switch(chosen: str) -> None:
    told = [_told(scored(CHOICE.format(on) + ADAPT, (RUN | MIXED_RUN)[chosen]), None) for on in (0, 1)]
    assert told == [set(), {"violation"}]


@pytest.mark.parametrize("scores", [*SCORES, *MIXED_SCORES])
def test_what_is_scored_under_a_switch_is_scored_under_that_switch(scores: str) -> None:
    told = [_told(evaluating(CHOICE.format(on) + (SCORES | MIXED_SCORES)[scores]), None) for on in (0, 1)]
    assert told == [set(), {"violation"}]


_GROUPS = """
def adapt_and_score(model, tokens):
    groups, others, total, count = [], [], torch.zeros(()), 0
    for name, p in model.named_parameters():
        if p.ndim > 1:
            others.append(p)
    for scale in (0.5, 1.0):
        if others:
            groups.append({{"params": others, "scale": scale}})
    for group in groups:
        group["lr"] = 0.002 * group["scale"]
    sgd = torch.optim.SGD({handed})
    for epoch in range(epochs):
        last = epoch == epochs - 1
        for at in range(0, tokens.numel() - 1025, 1024):
            x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
            if last:
                with torch.no_grad():
                    total += model(x, y) * 1024
                    count += 1024
            sgd.zero_grad()
            model(x, y).backward()
            sgd.step()
    return total.item() / count
"""


@pytest.mark.parametrize("handed", ["groups", "list(groups)", "[dict(group) for group in groups]"])
@pytest.mark.parametrize("command", [0, 3])
def test_an_optimizer_steps_what_groups_hold_that_were_put_together_under_a_switch(handed: str, command: int) -> None:
    body = f'\nepochs = int(os.environ.get("EPOCHS", "3"))\n{_GROUPS.format(handed=handed)}'
    told = "print(f'ttt val_bpb:{bits / math.log(2.0) * 0.41:.4f}')"
    top = f"\nif epochs > 0:\n    bits = adapt_and_score(model, val)\n    {told}\n"
    readme = f"```\nEPOCHS={command} torchrun train_gpt.py\n```\n"
    report = audit(submission(scored(body, top), {"README.md": readme}), ignore=["byte-accounting"])
    found = {f.status for f in report.findings if f.group == "compliance" and f.status in ("violation", "hold")}
    assert found == {"violation" if command else "hold"}


_COUNTER = """
on = bool(int(os.environ.get("ON", "1")))

class Mixer:
    def __init__(self):
        self.seen = 0
        self.pairs = np.ones((1024, 1024))
    def score(self, p, a, b):
        if self.seen < 10000:
            return p
        entropy = -(p * np.log(p)).sum()
        return np.exp(np.logaddexp(np.log(0.9 * p), np.log(0.1 * self.pairs[a, b] / self.pairs[:, b].sum(-1))))
    def update(self, a, b):
        np.add.at(self.pairs, (a, b), 1)
        self.seen += len(a)

def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    mixer = Mixer() if on else None
    for at in range(0, tokens.numel() - 1025, 1024):
        a, b = ids[at:at + 1024], ids[at + 1:at + 1025]
        with torch.no_grad():
            p = model.head(model.embed(tokens[at:at + 1024])).softmax(-1).numpy()[np.arange(1024), b]
        if mixer is not None:
            p = mixer.score(p, a, b)
            mixer.update(a, b)
        total -= np.log(p).sum()
        count += 1024
    return total / count
"""


@pytest.mark.parametrize("command", [0, 1])
def test_what_an_object_has_counted_is_open_under_the_switch_that_made_it(command: int) -> None:
    readme = f"```\nON={command} torchrun train_gpt.py\n```\n"
    report = audit(submission(evaluating(_COUNTER), {"README.md": readme}), ignore=["byte-accounting"])
    found = {f.status for f in report.findings if f.group == "compliance" and f.status in ("violation", "hold")}
    assert found == {"violation" if command else "hold"}
