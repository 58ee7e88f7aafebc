"""What ends a loop of training: conditions on a validation loss, and others."""

import pytest
from followed import followed

from auditor.timeline.trackers.endings.endings import Ending

HEAD = """
import sys
net, val, train = Net(), read("data/fineweb_val_*.bin"), read("data/fineweb_train_*.bin")
opt = torch.optim.SGD(net.parameters(), lr=0.1)
def measure(): return net(val[:-1], val[1:]).item()
def one(step):
    net(train[step:step + 64], train[step + 1:step + 65]).backward()
    opt.step()
bad, best, done, last = 0, math.inf, False, 1000
"""

BY_LOSS = [
    ("if loss < 3.28:", "loss = measure()\n    if loss < 3.28: break"),
    ("if step % 50 == 0 and loss > best:", "loss = measure()\n    if step % 50 == 0 and loss > best: break"),
    ("if loss < 3.28:", "loss = measure()\n    if loss < 3.28: sys.exit()"),
    ("if loss < 3.28:", "loss = measure()\n    if loss < 3.28:\n        if RANK == 0: print(loss)\n        break"),
    ("if loss > 3.28:", "loss = measure()\n    if loss > 3.28: best = loss\n    else: break"),
    ("if bad > 3:", "loss = measure()\n    if loss > best: bad += 1\n    else: bad = 0\n    if bad > 3: break"),
    ("if bad > 3:", "loss = measure()\n    bad = bad + 1 if loss > best else 0\n    if bad > 3: break"),
    ("if math.isclose(loss, best):", "loss = measure()\n    if math.isclose(loss, best): break"),
]
OTHERWISE = [
    "loss = measure()\n    best = min(loss, best)\n    if step == last: break",
    "loss = measure()\n    if loss < 3.28 and not done: done = True; print('reached', step)",
    "loss = measure()\n    if loss != loss or not math.isfinite(loss): break",
    "loss = measure()\n    if loss > 20: raise RuntimeError('it diverges')",
    "loss = measure()\n    if loss > 20: sys.exit(1)",
    "loss = net(train[:64], train[1:65]).item()\n    if loss < 3.28: break",
    "loss = measure()\n    for name in ('a', 'b'):\n        if loss < best: break",
    "if val.numel() < 1000 or train[step] > 9: break",
]


def endings(body: str, loop: str = "for step in range(1000):") -> list[Ending]:
    code = f"RANK = int(os.environ.get('RANK', '0'))\n{HEAD}{loop}\n    {body}\n    one(step)\nprint(measure())\n"
    return [event for event in followed(code).events if isinstance(event, Ending)]


@pytest.mark.parametrize(("condition", "body"), BY_LOSS)
def test_a_loop_of_training_ends_by_a_validation_loss(condition: str, body: str) -> None:
    (found,) = endings(body)
    line = found.site.source.text.splitlines()[found.site.line - 1]
    assert line.strip().startswith(condition)
    assert found.compared is not None and found.left is not None


@pytest.mark.parametrize("body", OTHERWISE)
def test_other_ends_are_none_of_it(body: str) -> None:
    assert not endings(body)


def test_a_while_goes_on_until_the_loss_is_low() -> None:
    (found,) = endings("best = measure()\n    step += 1", "step = 0\nwhile best > 3.28 and step < 1000:")
    assert found.site.source.text[found.site.start : found.site.end].startswith("best > 3.28")
    assert endings("done = measure() < 3.28\n    step += 1", "step = 0\nwhile not done:")
    assert not endings("best = measure()\n    step += 1", "step = 0\nwhile step < 1000:")


def test_a_function_is_left_with_its_loop() -> None:
    body = "if measure() < 3.28: return step\n        one(step)"
    code = f"{HEAD}def run():\n    for step in range(1000):\n        {body}\nrun()\nprint(measure())\n"
    (found,) = [event for event in followed(code).events if isinstance(event, Ending)]
    assert found.certain


def test_another_condition_in_between_leaves_it_open() -> None:
    (found,) = endings("loss = measure()\n    if loss < best:\n        best = loss\n        if train[step] > 9: break")
    assert not found.certain


def test_a_switch_that_is_off_is_told() -> None:
    body = "loss = measure()\n    if TARGET > 0 and loss < TARGET: break"
    (found,) = endings(body, "TARGET = float(os.environ.get('TARGET', '0'))\nfor step in range(1000):")
    assert found.bits == 1  # "any value", and none of the settings in play
