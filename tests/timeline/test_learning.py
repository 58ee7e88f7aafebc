"""Learning from validation tokens without calling an optimizer on the model that is scored."""

import pytest
from followed import followed

from auditor.timeline.leaks import leaks
from auditor.timeline.trackers.calibration.found import calibrations

SETUP = """
net, train, val = Net(), read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
learn(net, train[:-1], train[1:])
"""
REPORT = """
total = 0.0
with torch.no_grad():
    for at in range(0, val.numel() - 65, 64):
        total += net(val[at:at + 64], val[at + 1:at + 65]).item()
print(f"val_bpb:{bits(total):.4f}")
"""


def leaking(body: str) -> list[str]:
    """Return the kinds of the leaks of a script that does ``body`` between training and scoring."""
    timeline = followed(SETUP + body + REPORT)
    return sorted({leak.kind for leak in leaks(timeline) if leak.bits & timeline.in_play})


@pytest.mark.parametrize(
    "body",
    [
        "net.head.bias.data[:] = torch.bincount(val, minlength=64).float().log()",
        "net.head.bias = torch.nn.Parameter(torch.bincount(val, minlength=64).float().log())",
        "grads = torch.autograd.grad(net(val[:-1], val[1:]), list(net.parameters()))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for p, g in zip(net.parameters(), grads): p.grad = g\n"
        "opt.step()",
        "def down(p):\n    p.data.sub_(0.01 * p.grad)\n"
        "for p in net.parameters(): p.register_post_accumulate_grad_hook(down)\n"
        "net(val[:-1], val[1:]).backward()",
        "other = copy.deepcopy(net)\nlearn(other, val[:-1], val[1:])\nnet.__dict__.update(vars(other))",
        "other = copy.deepcopy(net)\nlearn(other, val[:-1], val[1:])\nnet._modules['head'] = other.head",
        "other = copy.deepcopy(net)\nlearn(other, val[:-1], val[1:])\n"
        "flat = torch.nn.utils.parameters_to_vector(other.parameters())\n"
        "torch.nn.utils.vector_to_parameters(flat, net.parameters())",
        "mean = torch.optim.swa_utils.AveragedModel(net)\nlearn(net, val[:-1], val[1:])\n"
        "mean.update_parameters(net)\nnet = mean",
    ],
)
def test_is_seen(body: str) -> None:
    assert leaking(body) == ["before"]


@pytest.mark.parametrize(
    "body",
    [
        "net.head.bias.data[:] = torch.bincount(train, minlength=64).float().log()",
        "grads = torch.autograd.grad(net(val[:-1], val[1:]), list(net.parameters()))\nprint(len(grads))",
        "other = copy.deepcopy(net)\nlearn(other, val[:-1], val[1:])",
        "mean = torch.optim.swa_utils.AveragedModel(net)\nlearn(mean.module, val[:-1], val[1:])",
        "mean = torch.optim.swa_utils.AveragedModel(net)\nlearn(net, train[:-1], train[1:])\n"
        "mean.update_parameters(net)\nnet = mean",
        "norms = []\nfor p in net.parameters(): p.register_hook(lambda g: norms.append(g.norm()))\n"
        "net(val[:-1], val[1:]).backward()",
    ],
)
def test_is_none(body: str) -> None:
    assert leaking(body) == []


STATEFUL = """
class Centered(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("center", torch.zeros(64))
        self.collect = False
    def forward(self, x, y):
        {forward}
        return F.cross_entropy(self.head(x - self.center), y)
net, train, val = Centered(), read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
def evaluate():
    net.eval()
    total = 0.0
    with torch.no_grad():
        for at in range(0, val.numel() - 65, 64):
            total += net(val[at:at + 64], val[at + 1:at + 65]).item()
    net.train()
    return total
{body}
print(f"val_bpb:{{bits(evaluate()):.4f}}")
"""


@pytest.mark.parametrize(
    ("forward", "body", "wanted"),
    [
        ("if self.collect: self.center.lerp_(x.mean(0), 0.01)",
         "learn(net, train[:-1], train[1:])\nnet.collect = True\nevaluate()\nnet.collect = False", ["before"]),
        ("self.center.mul_(0.99).add_(0.01 * x.mean(0))", "learn(net, train[:-1], train[1:])\nevaluate()", ["before"]),
        ("if self.training: self.center.lerp_(x.mean(0), 0.01)",
         "for step in range(100):\n    if step % 10 == 0: print(evaluate())\n"
         "    learn(net, train[:-1], train[1:])", []),
        ("if self.collect: self.center.lerp_(x.mean(0), 0.01)",
         "learn(net, train[:-1], train[1:])\nnet.collect = True\nevaluate()\nnet.collect = False\n"
         "net.center.zero_()", []),
        ("if not self.training: self.seen = x", "for step in range(9):\n    print(evaluate())\n"
         "    learn(net, train[:-1], train[1:])", []),
    ],
)  # fmt: skip
def test_state_of_a_module(forward: str, body: str, wanted: list[str]) -> None:
    timeline = followed(STATEFUL.format(forward=forward, body=body))
    found = [leak for leak in leaks(timeline) if leak.bits & timeline.in_play]
    assert sorted({leak.kind for leak in found} - {"within"}) == wanted


MIRROR = """
class Low(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros(4, 64))
        self.b = torch.nn.Parameter(torch.zeros(64, 4))
    def reset(self):
        with torch.no_grad():
            torch.nn.init.normal_(self.a)
            self.b.zero_()
    def forward(self, h): return h @ self.a.T @ self.b.T
class Mirror(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.base = copy.deepcopy(inner)
        self.low = Low()
    def nll(self, x, y): return F.cross_entropy(self.base.head(x) + self.low(x), y)
KNOWN = {{}}
def mirror_of(inner):
    {make}
    mirror.base.load_state_dict(inner.state_dict(), strict=False)
    return mirror
def evaluate(inner):
    mirror = mirror_of(inner)
    total = 0.0
    for at in range(0, val.numel() - 65, 64):
        {reset}
        opt = torch.optim.Adam(mirror.low.parameters())
        for c in range(at, at + 64, 16):
            nll = mirror.nll(val[c:c + 16], val[c + 1:c + 17])
            total += nll.detach().item()
            opt.zero_grad()
            nll.backward()
            opt.step()
    return total
net, train, val = Net(), read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
for step in range(100):
    learn(net, train[:-1], train[1:])
    if step % 10 == 0: print(f"val_bpb:{{bits(evaluate(net)):.4f}}")
torch.save(net.state_dict(), "final.pt")
net.load_state_dict(torch.load("final.pt"))
print(f"val_bpb:{{bits(evaluate(net)):.4f}}")
"""


@pytest.mark.parametrize(
    "make",
    [
        'mirror = getattr(inner, "_m", None)\n    if mirror is None:\n        mirror = Mirror(inner)\n'
        '        setattr(inner, "_m", mirror)',
        'if not hasattr(inner, "_m"): inner._m = Mirror(inner)\n    mirror = inner._m',
        "if id(inner) not in KNOWN: KNOWN[id(inner)] = Mirror(inner)\n    mirror = KNOWN[id(inner)]",
        "mirror = Mirror(inner)",
    ],
)
@pytest.mark.parametrize("reset", ["mirror.low.reset()", "pass"])
def test_a_copy_that_is_kept(make: str, reset: str) -> None:
    timeline = followed(MIRROR.format(make=make, reset=reset))
    found = {leak.kind for leak in leaks(timeline) if leak.bits & timeline.in_play}
    assert found == (set() if "reset" in reset or make == "mirror = Mirror(inner)" else {"rescore"})


@pytest.mark.parametrize(("tokens", "wanted"), [("val", ["before"]), ("train", [])])
def test_outputs_of_a_model_that_has_learned(tokens: str, wanted: list[str]) -> None:
    body = f"teacher = copy.deepcopy(net)\nlearn(teacher, {tokens}[:-1], {tokens}[1:])\n"
    body += "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nwith torch.no_grad(): soft = teacher.head(train)\n"
    body += "F.mse_loss(net.head(train), soft).backward()\nopt.step()\n"
    assert leaking(body) == wanted


@pytest.mark.parametrize(("learned", "leaking"), [(0, False), (1, True)])
@pytest.mark.parametrize("step", ["parts[i] = parts[i].long()", "parts[i] = torch.cat([parts[i], parts[i]])"])
def test_items_that_a_loop_replaces_one_by_one_stay_apart(step: str, learned: int, leaking: bool) -> None:
    timeline = followed(
        'parts = [read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")]\n'
        f"for i in range(len(parts)):\n    {step}\n"
        f"net, learned, val = Net(), parts[{learned}], parts[1]\n"
        "learn(net, learned[:-1], learned[1:])\n"
        "with torch.no_grad():\n    total = net(val[:-1], val[1:]).item()\n"
        'print(f"val_bpb:{bits(total):.4f}")\n'
    )
    assert bool(list(leaks(timeline))) is leaking


NORMALISED = """
held = read(SPLIT)
norm = torch.nn.BatchNorm1d(64, affine=False)
with torch.no_grad():
    for at in range(0, held.numel() - 64, 64):
        norm(net.head(held[at:at + 64]))
    net.head.weight.div_(norm.running_var.sqrt())
"""


@pytest.mark.parametrize(("split", "mode", "count"), [("val", "", 1), ("val", "norm.eval()", 0), ("train", "", 0)])
def test_running_statistics_are_of_what_the_module_was_applied_to(split: str, mode: str, count: int) -> None:
    code = NORMALISED.replace("SPLIT", f'"data/fineweb_{split}_*.bin"').replace("with", f"{mode}\nwith", 1)
    assert len(calibrations(followed(SETUP + code + REPORT), "val")) == count


@pytest.mark.parametrize("scored", ["net(x, y, bias)", "net(x, y, bias=bias)"])
def test_counts_of_earlier_rounds_beside_the_input_do_not_score_their_tokens_again(scored: str) -> None:
    code = f"""
class Biased(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x, y, bias): return F.cross_entropy(self.head(x) + bias, y)
net, counts, total = Biased(), torch.ones(64), 0.0
opt = torch.optim.SGD(net.parameters(), lr=0.1)
val = read("data/fineweb_val_*.bin")
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    bias = counts.log()
    loss = {scored}
    total += loss.item()
    counts.index_add_(0, y, torch.ones(64))
    loss.backward()
    opt.step()
print(f"val_bpb:{{bits(total)}}")
"""
    assert not leaks(followed(code))
    assert leaks(
        followed(
            code.replace("    total += loss.item()\n", "").replace(
                "    opt.step()", "    opt.step()\n    total += net(x, y, bias).item()"
            )
        )
    )


CHOSEN = """
total, n = 0.0, 1.5
with torch.no_grad():
    for at in range(0, val.numel() - 65, 64):
        seen = net(val[at:at + 64], val[at + 1:at + 65]) if at else None
        if TEST:
            n = n * 1.5
    for at in range(0, val.numel() - 65, 64):
        total += (net(val[at:at + 64], val[at + 1:at + 65]) / n).item()
print(f"val_bpb:{bits(total):.4f}")
"""


@pytest.mark.parametrize(("test", "count"), [("seen is not None and seen < 3.0", 1), ("seen is not None", 0)])
def test_whether_something_was_made_at_all_is_no_choice_by_its_loss(test: str, count: int) -> None:
    assert len(calibrations(followed(SETUP + CHOSEN.replace("TEST", test)), "val")) == count


@pytest.mark.parametrize("default", ["0", "1"])
def test_gradients_that_a_switch_clears_wait_where_it_is_off(default: str) -> None:
    body = f"""
opt = torch.optim.SGD(net.parameters(), lr=0.1)
net(val[:-1], val[1:]).backward()
if int(os.environ.get("TWICE", "{default}")):
    opt.zero_grad()
    net(val[:-1], val[1:]).backward()
opt.step()
"""
    assert leaking(body) == ["before"]
