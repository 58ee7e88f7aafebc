"""Learning from validation tokens without calling an optimizer on the model that is scored."""

import pytest
from followed import followed

from auditor.timeline.leaks import leaks

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
