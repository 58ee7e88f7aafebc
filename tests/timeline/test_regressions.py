"""Scripts that were once misread: each is a shape that a real submission had, told in other words."""

from followed import followed

from auditor.timeline.events import Forward, Timeline
from auditor.timeline.leaks import leaks

EVALUATE = """
def evaluate(net, tokens):
    total = 0.0
    for at in range(0, tokens.numel() - 65, 64):
        total += net(tokens[at:at + 64], tokens[at + 1:at + 65]).item()
    return total
"""
REPORT = 'print(f"val_bpb:{bits(evaluate(net, val)):.4f}")\n'


def kinds(timeline: Timeline) -> list[str]:
    """Return the kinds of the leaks that happen in some setting in play."""
    return sorted({leak.kind for leak in leaks(timeline) if leak.bits & timeline.in_play})


def test_the_pattern_names_the_split_not_its_wildcards() -> None:
    code = """
def batches(split):
    found = glob.glob(f"data/*{split}*.bin")
    tokens = torch.cat([torch.from_numpy(np.fromfile(p, np.uint16)) for p in found])
    def batch(): return tokens[:-1], tokens[1:]
    return batch
net = Net()
train, held_out = batches("train"), batches(SPLIT)
learn(net, *train())
learn(net, *held_out())
x, y = batches("val")()
print(f"val_bpb:{bits(net(x, y).item()):.4f}")
"""
    assert kinds(followed(code.replace("SPLIT", '"train"'))) == []
    assert kinds(followed(code.replace("SPLIT", '"val"'))) == ["before"]


def test_fields_of_a_namespace_are_kept_apart() -> None:
    code = (
        EVALUATE
        + """
from types import SimpleNamespace
h = SimpleNamespace(train_files="data/fineweb_train_*.bin", val_files="data/fineweb_val_*.bin")
net = Net()
train, val = read(h.train_files), read(h.val_files)
learn(net, train[:-1], train[1:])
learn(net, h_tokens[:-1], h_tokens[1:])
"""
        + REPORT
    )
    assert kinds(followed(code.replace("h_tokens", "train"))) == []
    assert kinds(followed(code.replace("h_tokens", "val"))) == ["before"]


LATCH = (
    EVALUATE
    + """
net = Net()
source = read("data/fineweb_train_*.bin")
val = read("data/fineweb_val_*.bin")
seconds = float(os.environ.get("LAST_PHASE_SECONDS", "DEFAULT"))
switched = seconds <= 0
for step in range(100):
    if not switched:
        source = read("data/fineweb_val_*.bin")
        switched = True
    learn(net, source[:-1], source[1:])
"""
    + REPORT
)


def test_a_latch_that_is_set_from_the_start_stays_set() -> None:
    assert kinds(followed(LATCH.replace("DEFAULT", "0"))) == []
    assert kinds(followed(LATCH.replace("DEFAULT", "60"))) != []


TRAINING = (
    EVALUATE
    + """
files = os.environ.get("TRAIN_FILES", "data/fineweb_train_*.bin")
net, train, val = Net(), read(files), read("data/fineweb_val_*.bin")
for step in range(100):
    if step % 10 == 0:
        print(f"step:{step} val_bpb:{bits(evaluate(net, val)):.4f}")
    learn(net, train[:-1], train[1:])
"""
    + REPORT
)


def test_a_command_that_trains_on_the_validation_files_is_no_test_time_training() -> None:
    readme = "# Run\n\n```bash\nTRAIN_FILES='data/fineweb_val_*.bin' torchrun train_gpt.py\n```\n"
    assert kinds(followed(TRAINING)) == []
    assert kinds(followed(TRAINING, {"README.md": readme})) == ["training"]


def test_a_switch_to_the_validation_files_is_judged_where_it_counts() -> None:
    chosen = 'files = "data/fineweb_val_*.bin" if int(os.environ.get("ON_VAL", "1")) else "data/fineweb_train_*.bin"\n'
    first = 'files = os.environ.get("TRAIN_FILES", "data/fineweb_train_*.bin")\n'
    assert kinds(followed(TRAINING.replace(first, chosen))) == ["training"]


RESTORED = (
    EVALUATE
    + """
net = Net()
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
small = [(name, p) for name, p in net.named_parameters() if "head" in name]
tune = len(small) > 0
other = len(glob.glob("*.pt")) > 0
if tune:
    saved = {name: p.detach().clone() for name, p in small}
    learn(net, val[:-1], val[1:])
if CONDITION:
    with torch.no_grad():
        named = dict(net.named_parameters())
        for name, before in saved.items():
            named[name].copy_(before)
"""
    + REPORT
)


def test_what_is_learned_and_set_back_under_one_condition_is_gone() -> None:
    assert kinds(followed(RESTORED.replace("CONDITION", "tune"))) == []
    assert kinds(followed(RESTORED.replace("CONDITION", "other"))) == ["before"]
    assert kinds(followed(RESTORED.replace("CONDITION", "not tune"))) == ["before"]


WINDOWS = """
net = Net()
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
chunks = [[] for _ in range((val.numel() - 1) // 4096)]
for start in range(0, val.numel() - 65, 64):
    chunks[min(start // 4096, len(chunks) - 1)].append(start)
rank = int(os.environ.get("RANK", "0"))
total = 0.0
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for index, windows in enumerate(chunks):
    at = index * 4096
    def score():
        out = 0.0
        for start in windows[rank::8]:
            out += net(val[start:start + 64], val[start + 1:start + 65]).item()
        return out
    def adapt():
        opt.zero_grad()
        net(val[at:at + 4096], val[at + 1:at + 4097]).backward()
        opt.step()
    ORDER
print(f"val_bpb:{bits(total):.4f}")
"""


def test_every_eighth_window_of_a_chunk_is_still_of_that_chunk() -> None:
    assert kinds(followed(WINDOWS.replace("ORDER", "total += score(); adapt()"))) == []
    assert kinds(followed(WINDOWS.replace("ORDER", "adapt(); total += score()"))) == ["within"]


def test_a_cache_of_files_keeps_the_splits_apart() -> None:
    code = (
        EVALUATE
        + """
import json
opened = {}
def tokens_of(path):
    key = str(path)
    if opened.get(key) is None:
        opened[key] = torch.from_numpy(np.fromfile(path, np.uint16))
    return opened[key]
def load(pattern):
    return torch.cat([tokens_of(p) for p in sorted(glob.glob(pattern))])
net = Net()
val, train = load("data/fineweb_val_*.bin"), load("data/fineweb_train_*.bin")
learn(net, train[:-1], train[1:])
"""
        + REPORT
    )
    assert kinds(followed(code)) == []
    assert kinds(followed(code + "learn(net, val[:-1], val[1:])\n" + REPORT)) == ["before"]


def test_a_score_that_no_setting_reaches_is_said() -> None:
    code = (
        EVALUATE
        + """
net = Net()
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
if int(os.environ.get("STEPS", "64")) % 1000:
    raise ValueError("STEPS")
"""
        + REPORT
    )
    decisive = [u.what for u in followed(code).unfollowed if u.decisive]
    assert decisive == ["no setting in play reaches a score of the validation tokens"]
    assert not [u for u in followed(code.replace('"64"', '"2000"')).unfollowed if u.decisive]


INHERITED = """
class Cast(torch.nn.Linear):
    def forward(self, x): return F.linear(x, self.weight.to(x.dtype))
class Wide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.down = Cast(64, 64)
    def forward(self, x, y): return F.cross_entropy(self.down(x), y)
net = Wide()
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
weights = [net.down.weight]
kept = [p.data.clone() for p in weights]
total = 0.0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    BEFORE
    for p, g in zip(weights, torch.autograd.grad(net(x, y), weights)):
        p.data.sub_(0.1 * g)
    AFTER
    for p, old in zip(weights, kept):
        p.data.copy_(old)
print(f"val_bpb:{bits(total):.4f}")
"""
SCORE = "total += net(x, y).item()"


def test_the_weight_of_a_layer_of_its_own_class_is_a_parameter() -> None:
    assert kinds(followed(INHERITED.replace("BEFORE", SCORE).replace("AFTER", "pass"))) == []
    assert kinds(followed(INHERITED.replace("BEFORE", "pass").replace("AFTER", SCORE))) == ["within"]


def test_gradients_survive_a_reset_in_the_other_branch() -> None:
    code = (
        EVALUATE
        + """
net = Net()
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
opt = torch.optim.SGD(net.parameters(), lr=0.1)
work = len(glob.glob("*.pt")) > 0
if work:
    opt.zero_grad()
    net(val[:-1], val[1:]).backward()
else:
    opt.zero_grad()
RESET
if work:
    opt.step()
"""
        + REPORT
    )
    assert kinds(followed(code.replace("RESET", ""))) == ["before"]
    assert kinds(followed(code.replace("RESET", "opt.zero_grad()"))) == []


def test_a_buffer_holds_what_a_file_is_read_into_it() -> None:
    code = (
        EVALUATE
        + """
from pathlib import Path
def tokens_of(pattern):
    path = Path(sorted(glob.glob(pattern))[0])
    with path.open("rb", buffering=0) as file:
        tokens = torch.empty(1000, dtype=torch.uint16)
        if file.readinto(tokens.numpy()) != 2000:
            raise ValueError(path)
    return tokens
net = Net()
train, val = tokens_of("data/fineweb_train_*.bin"), tokens_of("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
"""
        + REPORT
    )
    assert kinds(followed(code)) == []
    assert not [u for u in followed(code).unfollowed if u.decisive]
    assert kinds(followed(code.replace("learn(net, train[:-1], train[1:])", "learn(net, val[:-1], val[1:])")))


def test_windows_picked_by_a_condition_belong_to_the_iteration_that_it_compares_with() -> None:
    code = """
net, train, val = Net(), read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
total, size = 0.0, 4096
for chunk in range(val.numel() // 4096):
    low, high = chunk * size, (chunk + 1) * size
    picked = []
    for start in range(0, val.numel(), 64):
        if CONDITION:
            picked.append(start)
    for start in picked:
        total += net(val[start:start + 64], val[start + 1:start + 65]).item()
    learn(net, val[low:high], val[low + 1:high + 1])
print(f"val_bpb:{bits(total):.4f}")
"""
    assert kinds(followed(code.replace("CONDITION", "start < high and start + 64 > low"))) == []
    assert kinds(followed(code.replace("CONDITION", "start % 128 == 0"))) == ["within"]


def test_a_phase_that_prints_its_progress_is_told_once() -> None:
    timeline = followed("""
def nll(net, tokens):
    with torch.no_grad():
        return net(tokens[:-1], tokens[1:]).item()
net = Net()
learn(net, *(read("data/fineweb_train_*.bin")[k:] for k in (0, 1)))
val = read("data/fineweb_val_*.bin")
for epoch in range(3):
    learn(net, val[:-1], val[1:])
    print(f"epoch {epoch} val_bpb:{bits(nll(net, val)):.4f}")
print(f"final val_bpb:{bits(nll(net, val)):.4f}")
""")
    assert [leak.kind for leak in leaks(timeline)] == ["before"]


FALLBACK = """
def whole(net, tokens):
    total = 0.0
    for at in range(0, tokens.numel() - 65, 64):
        x, y = tokens[at:at + 64], tokens[at + 1:at + 65]
        with torch.no_grad():
            total += net(x, y).item()
        learn(net, x, y)
    return total
def phased(net, tokens, clean):
    total = 0.0
    for at in range(0, tokens.numel() - 65, 64):
        x, y = tokens[at:at + 64], tokens[at + 1:at + 65]
        with torch.no_grad():
            total += net(x, y).item()
        learn(net, x, y)
        if slow(at):
            {restore}
            return whole(net, tokens)
    return total
net = Net()
learn(net, *(read("data/fineweb_train_*.bin")[k:] for k in (0, 1)))
val = read("data/fineweb_val_*.bin")
clean = {{k: v.clone() for k, v in net.state_dict().items()}}
print(f"val_bpb:{{bits(phased(net, val, clean)):.4f}}")
"""


def test_a_fallback_that_starts_over_from_the_clean_state_scores_first() -> None:
    assert kinds(followed(FALLBACK.format(restore="net.load_state_dict(clean)"))) == []
    assert kinds(followed(FALLBACK.format(restore="net.eval()"))) != []


def test_what_may_be_empty_or_given_is_either() -> None:
    code = """
net = Net()
val = read("data/fineweb_val_*.bin")
def scored(net, tokens, given=None):
    given = given or {}
    return given.get("nll", 0.0)
found = None
if len(val) > 100:
    found = {"nll": net(val[:-1], val[1:]).item()} if len(val) > 200 else {}
print(f"val_bpb:{bits(scored(net, val, found)):.4f}")
"""
    assert any(isinstance(event, Forward) and event.reports for event in followed(code).events)


def test_names_looked_up_in_globals_are_the_names() -> None:
    code = """
def main():
    print(f"val_bpb:{bits(Net()(VAL[:-1], VAL[1:]).item()):.4f}")
globals()["VAL"] = read("data/fineweb_val_*.bin")
globals()["main"]()
"""
    assert any(isinstance(event, Forward) and event.reports for event in followed(code).events)


def test_the_challenge_s_own_script_is_known_where_it_is_not_submitted() -> None:
    code = """
import math, torch
import torch.nn.functional as F
from train_gpt import GPT, Hyperparameters, load_validation_tokens
def evaluate(net, tokens):
    net.eval()
    with torch.no_grad():
        return F.cross_entropy(net.forward_logits(tokens[:-1]), tokens[1:]).item()
args = Hyperparameters()
net = GPT(args.vocab_size)
net.load_state_dict(torch.load("final.pt"))
print(f"val_bpb:{evaluate(net, load_validation_tokens(args.val_files, 1024)) / math.log(2.0):.4f}")
"""
    timeline = followed(code, prelude="")
    assert any(isinstance(event, Forward) and event.reports for event in timeline.events)
