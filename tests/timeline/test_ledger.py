"""What a score rests on: opaque by default, and what of it makes a hold."""

import pytest
from followed import followed

from auditor.timeline.events import Timeline
from auditor.timeline.leaks import clean_scores
from auditor.timeline.rests import rests_on

EVALUATE = """
def evaluate(net, tokens):
    total = 0.0
    for at in range(0, tokens.numel() - 65, 64):
        total += net(tokens[at:at + 64], tokens[at + 1:at + 65]).item()
    return total
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
net = Net()
learn(net, train[:-1], train[1:])
"""
REPORT = 'print(f"val_bpb:{bits(evaluate(net, val)):.4f}")\n'


def unfollowed(timeline: Timeline) -> list[str]:
    """Return the entries that were not followed."""
    return [entry.what for entry in rests_on(timeline, ()) if not entry.followed]


def test_a_plain_score_is_followed_and_says_what_it_rests_on() -> None:
    entries = rests_on(followed(EVALUATE + REPORT), ())
    assert all(entry.followed for entry in entries)
    assert [entry.what for entry in entries if "applied" in entry.what] == ["Net applied to validation tokens"]
    assert any(entry.what.startswith("val data read") for entry in entries)
    assert any(entry.what.startswith('the report "val_bpb:') for entry in entries)


def test_a_score_of_a_missing_module() -> None:
    code = EVALUATE + 'import hints\nprint(f"val_bpb:{hints.score(net, val):.4f}")\n'
    assert unfollowed(followed(code)) == [
        "the model and validation tokens go into `hints.score()`, whose source is not in the submission"
    ]


def test_a_followed_diagnostic_settles_nothing() -> None:
    code = EVALUATE + REPORT + 'from scorer import final\nprint(f"final val_bpb:{final(net, val):.4f}")\n'
    assert len(unfollowed(followed(code))) == 1


def test_a_module_of_the_submission_is_followed() -> None:
    helper = {"hints.py": "def score(net, tokens):\n    return net(tokens[:-1], tokens[1:]).item()\n"}
    code = EVALUATE + 'import hints\nprint(f"val_bpb:{bits(hints.score(net, val)):.4f}")\n'
    assert unfollowed(followed(code, helper)) == []


def test_what_is_given_away_may_come_back_changed() -> None:
    for given in ("net", "[net]", '{"model": net}', "net.parameters()", "val"):
        code = EVALUATE + f"import hints\nhints.prepare({given})\n" + REPORT
        assert len(unfollowed(followed(code))) == 1, given


def test_an_array_that_unknown_code_fills() -> None:
    code = EVALUATE + (
        "import hints\nboost = np.zeros(len(val))\nhints.fill(boost)\n"
        'print(f"val_bpb:{bits(evaluate(net, val) - boost.sum()):.4f}")\n'
    )
    assert unfollowed(followed(code)) == ["a score may rest on `hints.fill()`, whose source is not in the submission"]


def test_a_number_that_is_only_told_changes_nothing() -> None:
    code = EVALUATE + "import board\nscore = evaluate(net, val)\nboard.push(float(score))\n" + REPORT
    assert unfollowed(followed(code)) == []


def test_what_unknown_code_makes_of_training_is_in_the_model() -> None:
    code = EVALUATE + "import feed\nx, y = feed.batch()\nlearn(net, x, y)\n" + REPORT
    assert unfollowed(followed(code)) == ["a score may rest on `feed.batch()`, whose source is not in the submission"]


def test_an_optimizer_given_away() -> None:
    code = EVALUATE + ("import tune\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\ntune.prepare(opt)\n" + REPORT)
    assert len(unfollowed(followed(code))) == 1


def test_a_condition_that_can_not_be_followed_decides_the_score() -> None:
    code = EVALUATE + (
        "import gate\nscore = evaluate(net, val)\nif gate.trusts(1):\n    score = score * 0.9\n"
        'print(f"val_bpb:{bits(score):.4f}")\n'
    )
    assert len(unfollowed(followed(code))) == 1
    returned = EVALUATE + (
        "import gate\ndef pick(score):\n    if gate.trusts(1):\n        return score * 0.9\n    return score\n"
        'print(f"val_bpb:{bits(pick(evaluate(net, val))):.4f}")\n'
    )
    assert len(unfollowed(followed(returned))) == 1


def test_what_no_score_rests_on_holds_nothing() -> None:
    code = EVALUATE + REPORT + "import board\ntable = board.draw(5)\n"
    assert unfollowed(followed(code)) == []


def test_a_call_of_a_library_that_no_table_covers() -> None:
    code = EVALUATE + (
        "import scipy.optimize\nbest = scipy.optimize.minimize_scalar(val)\n"
        'print(f"val_bpb:{bits(evaluate(net, val)) * best.x:.4f}")\n'
    )
    assert unfollowed(followed(code)) == [
        "validation tokens go into `scipy.optimize.minimize_scalar()`, a call that golf-audit does not know"
    ]
    # … where nothing of interest goes in, it is a number like another one.
    assert unfollowed(followed(code.replace("minimize_scalar(val)", "minimize_scalar(5)"))) == []


def test_a_method_that_no_class_has() -> None:
    code = EVALUATE.replace("total += net(", "total += net.scores(") + REPORT
    assert unfollowed(followed(code)) == [
        "the model and validation tokens go into `net.scores()`, a method that no class of its object has"
    ]
    assigned = code.replace("learn(net, train", "net.scores = net.forward\nlearn(net, train")
    assert unfollowed(followed(assigned)) == []


def test_a_name_that_nothing_sets() -> None:
    code = EVALUATE + "if sharpen:\n    val = val[100:]\n" + REPORT
    assert unfollowed(followed(code)) == ["the script ends with an error at `sharpen`, a name that nothing sets"]
    caught = EVALUATE + "try:\n    fancy\nexcept NameError:\n    fancy = None\n" + REPORT
    assert unfollowed(followed(caught)) == []
    star = "from torch.nn.functional import *\n" + EVALUATE + "softplus\n" + REPORT
    assert unfollowed(followed(star)) == []


@pytest.mark.parametrize("name", ["from . import core", "from .core import sharpen", "from .core import *"])
def test_a_module_beside_the_script_that_is_not_there(name: str) -> None:
    told = ["the script ends with an error at `.core`, a module that is not in the submission"]
    assert unfollowed(followed(f"{name}\n{EVALUATE}{REPORT}"))[:1] == told
    caught = f"try:\n    {name}\nexcept ImportError:\n    pass\n"
    assert not any("a module that is not" in each for each in unfollowed(followed(f"{caught}{EVALUATE}{REPORT}")))


@pytest.mark.parametrize(
    "looked",
    [
        "names = globals()\nif 'sharpen' in names:\n    names['sharpen']\n",
        "globals().get('sharpen')\n",
        "vars(net)['ready'] = True\n",
        "box = types.ModuleType('box')\nsetattr(box, 'sharpen', 1)\n",
    ],
)
def test_a_table_of_names_that_is_only_looked_into_sets_none(looked: str) -> None:
    code = "import types\n" + EVALUATE + looked + "sharpen\nsharpen\n" + REPORT
    assert unfollowed(followed(code)) == ["the script ends with an error at `sharpen`, a name that nothing sets"]


@pytest.mark.parametrize(
    "sets",
    [
        "globals()['sharpen'] = 1\n",
        "names = globals()\nnames.update(sharpen=1)\n",
        "vars()['sharpen'] = 1\n",
        "setattr(sys.modules[__name__], 'sharpen', 1)\n",
        "here = sys.modules[__name__]\nhere.__dict__['sharpen'] = 1\n",
        "fill(globals())\n",
        "exec(text)\n",
    ],
)
def test_a_table_of_names_that_is_changed_may_set_any(sets: str) -> None:
    code = (
        "import sys\ntext = open('text').read()\ndef fill(names):\n    pass\n" + EVALUATE + sets + "sharpen\n" + REPORT
    )
    assert not any("a name that nothing sets" in told for told in unfollowed(followed(code)))


def test_a_name_that_no_setting_reaches_holds_nothing() -> None:
    code = EVALUATE + 'if os.environ.get("SHARPEN", "0") == "1":\n    val = sharpened(val)\n' + REPORT
    assert unfollowed(followed(code)) == []


def test_an_optional_import_with_a_fallback_is_known_where_it_is_a_library() -> None:
    code = (
        EVALUATE
        + "try:\n    import flash_attn_interface\nexcept ImportError:\n    flash_attn_interface = None\n"
        + REPORT
    )
    assert unfollowed(followed(code)) == []


def test_what_the_logs_show_to_be_another_score_is_settled() -> None:
    code = (
        EVALUATE
        + REPORT.replace("val_bpb:", "final_exact val_bpb:")
        + ('import board\nprint(f"shadow_score val_bpb:{board.score(net, val):.4f}")\n')
    )
    timeline = followed(code)
    assert all(entry.followed for entry in rests_on(timeline, ("final_exact val_bpb:1.1234",)))
    assert not all(entry.followed for entry in rests_on(timeline, ("shadow_score val_bpb:1.0",)))
    assert not all(entry.followed for entry in rests_on(timeline, ()))


def test_a_model_whose_inside_lies_nowhere() -> None:
    code = "import hints\n" + EVALUATE.replace("net = Net()", "net = Tilted()") + REPORT
    model = "class Tilted(Net):\n    def forward(self, x, y): return super().forward(x, y) - LATER\n"
    for tilt in ("hints.tilt(x, y)", "helped(x, y)"):
        helper = "def helped(x, y): return hints.tilt(x, y)\n"
        found = unfollowed(followed(helper + model.replace("LATER", tilt) + code))
        assert found == [
            "what the model computes goes into `hints` in Tilted, whose source is not in the submission"
        ], tilt
    inside = model.replace(
        "forward(self, x, y): return", "forward(self, x, y):\n        import hints as h\n        return"
    )
    assert len(unfollowed(followed(inside.replace("LATER", "h.tilt(x, y)") + code))) == 1
    assert unfollowed(followed(model.replace("LATER", "0.1") + code.replace("import hints\n", ""))) == []


def test_a_function_that_learns_given_to_unknown_code() -> None:
    later = "import later\n" + EVALUATE
    for call in ("later.call(lambda: learn(net, val[:-1], val[1:]))", "later.call(again)"):
        code = later + f"def again(): learn(net, val[:-1], val[1:])\n{call}\n" + REPORT
        assert len(unfollowed(followed(code))) == 1, call
    harmless = later + "later.call(lambda: print(1))\n" + REPORT
    assert unfollowed(followed(harmless)) == []


def test_code_that_can_not_be_told() -> None:
    code = "import sys\n" + EVALUATE + "exec(sys.stdin.read())\n" + REPORT
    assert unfollowed(followed(code)) == ["the model goes into `exec()`, whose code could not be told"]


def test_a_file_out_of_a_listing_of_which_no_split_can_be_told() -> None:
    code = EVALUATE + "names = [f for f in os.listdir('data') if f.endswith('.bin')]\nTAKEN\n" + REPORT
    learned = "x = torch.from_numpy(np.fromfile(max(names), np.uint16))\nlearn(net, x[:-1], x[1:])"
    assert len(unfollowed(followed(code.replace("TAKEN", learned)))) == 1
    named = learned.replace("max(names)", "max(f for f in names if 'train' in f)")
    assert unfollowed(followed(code.replace("TAKEN", named))) == []
    assert unfollowed(followed(code.replace("TAKEN", "print(len(names))"))) == []


def test_a_hook_on_gradients_is_followed() -> None:
    code = EVALUATE + "for p in net.parameters():\n    p.register_hook(lambda g: g * 0.5)\n" + REPORT
    assert unfollowed(followed(code)) == []
    unknown = "import hints\n" + code.replace("lambda g: g * 0.5", "hints.bend")
    assert len(unfollowed(followed(unknown))) == 1


def test_what_was_not_read_is_not_called_missing() -> None:
    files = {f"m{n}.py": f"from m{n + 1} import score\n" for n in range(60)}
    files["m60.py"] = "def score(net, val): return net(val[:-1], val[1:])\n"
    code = 'from m0 import score\nval = read("data/fineweb_val_*.bin")\nprint(f"val_bpb:{bits(score(Net(), val))}")\n'
    told = unfollowed(followed(code, files))
    assert any("more modules than are followed" in what for what in told)
    assert not any("not in the submission" in what for what in told)


def test_a_line_that_scores_before_and_after_an_adaptation_is_adapted() -> None:
    code = EVALUATE + REPORT + "learn(net, val[:-1], val[1:])\n" + REPORT.replace("val_bpb", "final val_bpb")
    (entry,) = [entry for entry in rests_on(followed(code), ()) if "applied" in entry.what]
    assert entry.note == "adapted on the same tokens before"


SCORED_FIRST = """
def scored_first(net, tokens):
    total, opt = 0.0, torch.optim.SGD(net.parameters(), lr=0.1)
    for at in range(0, tokens.numel() - 65, 64):
        x, y = tokens[at:at + 64], tokens[at + 1:at + 65]
        total += net(x, y).item()
        net(x, y).backward()
        opt.step()
    return total
train, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
net = Net()
learn(net, train[:-1], train[1:])
if os.environ.get("ONLY", "") == "ttt":
    print(f"only val_bpb:{bits(scored_first(net, val)):.4f}")
elif os.environ.get("ALSO", "1") == "1":
    print(f"val_bpb:{bits(scored_first(net, val)):.4f}")
"""


def test_a_pair_of_places_is_told_where_a_setting_in_play_runs_it() -> None:
    timeline = followed(SCORED_FIRST)
    ((score, adapt),) = clean_scores(timeline)
    assert score.bits & adapt.bits & timeline.in_play


def test_what_is_printed_and_calls_itself_no_score_is_not_told_as_one() -> None:
    code = EVALUATE + "loss = evaluate(net, val)\n" + 'print(f"train_loss:{loss:.4f}")\n' + REPORT
    told = [entry.what for entry in rests_on(followed(code), ()) if "report" in entry.what]
    assert told == ['the report "val_bpb:"']


BY_ARMS = """
rounds = int(os.environ.get("ROUNDS", "2"))
total = 0.0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    more = at // 64 % rounds < rounds - 1
    if more:
        loss = net(x, y)
    else:
        with torch.no_grad():
            loss = net(x, y)
    total += loss.item()
    if more:
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        loss.backward()
        opt.step()
print(f"val_bpb:{bits(total):.4f}")
"""


def test_what_is_scored_under_the_other_arm_of_a_condition_is_not_trained_on() -> None:
    timeline = followed(EVALUATE + BY_ARMS)
    ((score, _),) = clean_scores(timeline)
    assert "no_grad" not in score.site.source.text[: score.site.start].partition("more =")[2]
