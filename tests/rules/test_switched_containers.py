"""What lists, dicts and generators hold is validation text only under the switch that put it there."""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import scored

GIVEN = """
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
HELD = {
    "comp": """
if on_val:
    pieces = [piece_of(i) for i in range(9)]
else:
    pieces = [other() for _ in range(9)]
""",
    "append": """
pieces = []
if on_val:
    for i in range(9):
        pieces.append(piece_of(i))
else:
    for i in range(9):
        pieces.append(other())
""",
    "append2": """
pieces = []
for i in range(9):
    if on_val:
        pieces.append(piece_of(i))
    else:
        pieces.append(other())
""",
    "appendexpr": """
pieces = []
for i in range(9):
    pieces.append(piece_of(i) if on_val else other())
""",
    "extend": """
pieces = []
if on_val:
    pieces.extend(piece_of(i) for i in range(9))
else:
    pieces.extend(other() for i in range(9))
""",
    "iadd": """
pieces = []
if on_val:
    pieces += [piece_of(i) for i in range(9)]
else:
    pieces += [other() for i in range(9)]
""",
    "dict": """
table = {}
if on_val:
    table['x'] = [piece_of(i) for i in range(9)]
else:
    table['x'] = [other() for i in range(9)]
pieces = table['x']
""",
    "dict2": """
table = {}
if on_val:
    for i in range(9):
        table[i] = piece_of(i)
else:
    for i in range(9):
        table[i] = other()
pieces = table.values()
""",
    "tuple": """
if on_val:
    pieces, n = [piece_of(i) for i in range(9)], 9
else:
    pieces, n = [other() for _ in range(9)], 9
""",
    "ret": """
def give():
    if on_val:
        return [piece_of(i) for i in range(9)]
    return [other() for _ in range(9)]
pieces = give()
""",
    "gen": """
def give():
    for i in range(9):
        if on_val:
            yield piece_of(i)
        else:
            yield other()
pieces = give()
""",
    "gen2": """
def give():
    for i in range(9):
        yield piece_of(i)
def give2():
    for i in range(9):
        yield other()
pieces = give() if on_val else give2()
""",
    "cls": """
class Src:
    def __init__(self):
        self.p = [piece_of(i) for i in range(9)] if on_val else [other() for _ in range(9)]
    def __iter__(self):
        return iter(self.p)
pieces = Src()
""",
    "cat": """
whole = torch.cat([piece_of(i) for i in range(9)]) if on_val else torch.cat([other() for _ in range(9)])
pieces = whole.view(9, 1025)
""",
    "stack": """
rows = []
if on_val:
    rows.append(piece_of(0))
else:
    rows.append(other())
pieces = torch.stack(rows)
""",
    "src": """
def load(which):
    table = {'val':lambda: [piece_of(i) for i in range(9)],'rand':lambda: [other() for _ in range(9)]}
    return table[which]()
pieces = load('val' if on_val else 'rand')
""",
    "copyinto": """
pieces = torch.zeros(9, 1025, dtype=torch.long)
if on_val:
    for i in range(9):
        pieces[i] = piece_of(i)
else:
    for i in range(9):
        pieces[i] = other()
""",
    "copy_": """
pieces = torch.zeros(9, 1025, dtype=torch.long)
if on_val:
    pieces.copy_(val[:9*1025].view(9, 1025))
""",
    "closure": """
def pick(i):
    return piece_of(i) if on_val else other()
pieces = [pick(i) for i in range(9)]
""",
    "zip": """
if on_val:
    pairs = [(piece_of(i), i) for i in range(9)]
else:
    pairs = [(other(), i) for i in range(9)]
pieces = [p for p,_ in pairs]
""",
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize(("uses", "rule"), [(CALIBRATES, "calibration-on-val"), (LEARNS, "prequant-ttt")])
def test_what_is_put_there_under_a_switch_is_there_under_that_switch(held: str, uses: str, rule: str) -> None:
    for default, wanted in ((0, {"note"}), (1, {"violation"})):
        script = scored(GIVEN.format(default), HELD[held] + uses)
        report = audit(submission(script, {}, "2026-04-01_Example"), select=[rule])
        told = {f.status for f in report.findings if f.rule == rule}
        assert told == wanted or (not default and not told), (default, told)
