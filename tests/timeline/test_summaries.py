"""What the timeline says of small scripts, one concept each."""

import pytest
from followed import followed

from auditor.timeline.summary import summarise

DATA = """
net = Net()
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
x, y = val[:-1], val[1:]
"""
REPORT = 'print(f"val_bpb:{bits(net(x, y).item()):.4f}")\n'

CASES = {
    "plain": DATA + REPORT,
    "wrapped": DATA
    + """
from torch.nn.parallel import DistributedDataParallel as DDP
fast = DDP(torch.compile(net, dynamic=False), device_ids=[0])
learn(fast, x, y)
net = fast.module
"""
    + REPORT,
    "copied": DATA
    + """
other = copy.deepcopy(net)
learn(other, x, y)
"""
    + REPORT,
    "averaged": DATA
    + """
ema = {name: p.detach().clone() for name, p in net.named_parameters()}
learn(net, x, y)
for name, p in net.named_parameters():
    p.data.copy_(ema[name])
"""
    + REPORT,
    "averaged_with_what_was_learned": DATA
    + """
ema = copy.deepcopy(net)
learn(net, x, y)
with torch.no_grad():
    for e, p in zip(ema.parameters(), net.parameters()):
        e.mul_(0.9).add_(p, alpha=0.1)
net = ema
"""
    + REPORT,
    "saved_quantised_loaded": DATA
    + """
import io, zlib
learn(net, x, y)
buffer = io.BytesIO()
torch.save({name: (p * 127).round().to(torch.int8) for name, p in net.state_dict().items()}, buffer)
with open("model.ptz", "wb") as f:
    f.write(zlib.compress(buffer.getvalue()))
with open("model.ptz", "rb") as f:
    state = torch.load(io.BytesIO(zlib.decompress(f.read())))
net = Net()
net.load_state_dict({name: q.float() / 127 for name, q in state.items()})
"""
    + REPORT,
    "nested_loops": DATA
    + """
total = 0.0
for document in range(100):
    for chunk in range(8):
        a = document * 8 + chunk
        total += net(x[a:a + 1], y[a:a + 1]).item()
        learn(net, x[a:a + 1], y[a:a + 1])
print(f"val_bpb:{bits(total):.4f}")
""",
    "closure": DATA
    + """
def stepper(net):
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    def step(x, y):
        net(x, y).backward()
        opt.step()
    return step
stepper(net)(x, y)
"""
    + REPORT,
    "class_with_state": DATA
    + """
class Scorer:
    def __init__(self, net):
        self.net, self.total = net, 0.0
    def add(self, x, y):
        with torch.inference_mode():
            self.total += self.net(x, y).item()
        return self
    @property
    def bpb(self): return bits(self.total)
print(f"val_bpb:{Scorer(net).add(x, y).bpb:.4f}")
""",
    "argparse": """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--val-files", default="data/fineweb_val_*.bin")
p.add_argument("--adapt", action="store_true")
args = p.parse_args()
net = Net()
learn(net, read("data/fineweb_train_*.bin"), 0)
val = read(args.val_files)
x, y = val[:-1], val[1:]
if args.adapt:
    learn(net, x, y)
"""
    + REPORT,
    "dataclass_configuration": """
from dataclasses import dataclass, field
@dataclass
class Data:
    val: str = "data/fineweb_val_*.bin"
    train: str = "data/fineweb_train_*.bin"
@dataclass
class Config:
    data: Data = field(default_factory=Data)
    epochs: int = 2
config = Config(epochs=0)
net = Net()
learn(net, read(config.data.train), 0)
val = read(config.data.val)
x, y = val[:-1], val[1:]
for epoch in range(config.epochs):
    learn(net, x, y)
"""
    + REPORT,
    "presets": DATA
    + """
PRESETS = {"plain": {"ttt": 0}, "adaptive": {"ttt": 1}}
preset = PRESETS[os.environ.get("PRESET", "plain")]
if preset["ttt"]:
    learn(net, x, y)
"""
    + REPORT,
    "generator": DATA
    + """
def batches(tokens, size):
    for at in range(0, len(tokens) - size, size):
        yield tokens[at:at + size], tokens[at + 1:at + size + 1]
for a, b in batches(val, 1024):
    learn(net, a, b)
"""
    + REPORT,
}


@pytest.mark.parametrize("name", CASES)
def test_summary(name, snapshot):
    assert "\n".join(summarise(followed(CASES[name]))) == snapshot


def test_values_per_setting(snapshot):
    """One script, off by its defaults and on by the documented command."""
    code = DATA + 'if int(os.environ.get("ADAPT", "0")):\n    learn(net, x, y)\n' + REPORT
    readme = "```bash\nADAPT=1 python train_gpt.py\n```\n"
    assert "\n".join(summarise(followed(code))) == snapshot(name="defaults")
    assert "\n".join(summarise(followed(code, {"README.md": readme}))) == snapshot(name="command")


def test_helper_module(snapshot):
    helper = """
import torch
def tune(net, x, y):
    opt = torch.optim.SGD(net.parameters())
    net(x, y).backward()
    opt.step()
"""
    code = "from lib.tuning import tune\n" + DATA + "tune(net, x, y)\n" + REPORT
    assert "\n".join(summarise(followed(code, {"lib/tuning.py": helper}))) == snapshot
