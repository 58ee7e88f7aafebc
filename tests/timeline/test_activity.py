"""Whether something runs, and the words for it: switches, their values, and where these come from."""

import base64
import zlib

import pytest
from followed import PRELUDE, followed

from auditor.settings.heard import beginnings
from auditor.timeline.activity import activity
from auditor.timeline.events import Adapt

DATA = """
net = Net()
val = read("data/fineweb_val_*.bin")
x, y = val[:-1], val[1:]
"""


def judged(code, files=None):
    """Return how the update on validation tokens in ``code`` is judged."""
    timeline = followed(DATA + code, files)
    event, *_ = [e for e in timeline.events if isinstance(e, Adapt)]
    return activity(timeline, event.bits, [event])


def running(code):
    """Return how the update that runs by default is judged, of several in ``code``."""
    timeline = followed(DATA + code)
    event, *_ = [e for e in timeline.events if isinstance(e, Adapt) and e.bits & 2]
    return activity(timeline, event.bits, [event])


def readme(command):
    return {"README.md": f"# Name\n\n```bash\n{command}\n```\n"}


def log(*lines):
    text = "\n".join([*lines, "step:10/10 train_loss:2.0", "step:10/10 val_loss:2.0 val_bpb:1.2"])
    return {"train_seed1337.log": text + "\n"}


SWITCH = "if int(os.environ.get('TTT', '{}')):\n    learn(net, x, y)\n"


def test_no_switch():
    found = judged("learn(net, x, y)\n")
    assert (found.active, found.status) == (True, "violation")
    assert found.because == "it runs with every setting that was followed"


def test_on_by_default():
    found = judged(SWITCH.format(1))
    assert (found.active, found.status) == (True, "violation")
    assert found.because == "TTT defaults to 1 (train_gpt.py:20)"


def test_off_by_default():
    found = judged(SWITCH.format(0))
    assert (found.active, found.status) == (False, "note")
    assert found.because == "TTT defaults to 0 (train_gpt.py:20); no setting in play turns it on"


def test_on_by_the_documented_command():
    found = judged(SWITCH.format(0), readme("TTT=1 torchrun train_gpt.py"))
    assert (found.active, found.status) == (True, "violation")
    assert "TTT is 1 in" in found.because
    assert "README.md:4" in found.because


def test_on_by_a_run_script():
    found = judged(SWITCH.format(0), {"run.sh": "#!/bin/bash\nexport TTT=1\npython train_gpt.py\n"})
    assert (found.active, found.status) == (True, "violation")
    assert "run.sh:2" in found.because


ARGS = """
class Args:
    ttt = bool(int(os.environ.get("TTT", "{}")))
if Args.ttt:
    learn(net, x, y)
"""


def test_on_by_default_and_off_in_the_log():
    found = judged(ARGS.format(1), log("ttt: False"))
    assert (found.active, found.status) == (True, "hold")
    assert found.because.startswith("TTT defaults to 1")
    assert "but the log prints ttt as False (train_seed1337.log:1), and" in found.because


def test_a_run_that_a_log_shows_went_past_what_would_have_ended_it():
    code = """
class Args:
    ttt = bool(int(os.environ.get("TTT", "0")))
    mode = os.environ.get("MODE", "soft")
if Args.ttt and Args.mode == "soft":
    raise ValueError("not both")
if Args.ttt:
    learn(net, x, y)
"""
    assert judged(code, log("ttt: True")).status == "violation"
    assert judged(code, readme("TTT=1 torchrun train_gpt.py")).status == "note"


def test_a_log_that_is_silent_denies_nothing():
    assert judged(ARGS.format(1), log("seed: 1337")).status == "violation"


def test_off_by_default_and_on_in_the_log():
    found = judged(ARGS.format(0), log("ttt: True"))
    assert (found.active, found.status) == (True, "violation")
    assert "train_seed1337.log:1" in found.because


@pytest.mark.parametrize(
    ("default", "on"),
    [("", False), ("0", False), ("1", True), ("false", False), ("true", True), ("no", False)],
)
def test_words_for_yes_and_no(default, on):
    code = f"if os.environ.get('TTT', {default!r}).lower() in ('1', 'true', 'yes'):\n    learn(net, x, y)\n"
    assert judged(code).active is on


@pytest.mark.parametrize(
    ("condition", "active"),
    [
        ("int(os.getenv('N', '0')) > 0", False),
        ("bool(int(os.environ.get('N', 1)))", True),
        ("os.environ.get('N') is not None", False),
        ("'N' in os.environ", False),
        ("'N' not in os.environ", True),
        ("'RANK' in os.environ and 'WORLD_SIZE' in os.environ", True),
        ("float(os.environ.get('N', '0.0')) and True", False),
        ("not int(os.environ.get('N', '0'))", True),
        ("int(os.environ.get('N', '1')) and int(os.environ.get('M', '0'))", False),
        ("int(os.environ.get('N', '1')) or int(os.environ.get('M', '0'))", True),
        ("os.environ.get('MODE', 'plain') == 'adaptive'", False),
        ("os.environ.get('MODE', 'plain') in {'plain', 'other'}", True),
        ("int(os.environ.get('WORLD_SIZE', '1')) == 8", True),
    ],
)
def test_conditions(condition, active):
    assert judged(f"if {condition}:\n    learn(net, x, y)\n").active is active


def test_a_number_of_epochs_is_a_switch():
    code = "for epoch in range(int(os.environ.get('EPOCHS', '{}'))):\n    learn(net, x, y)\n"
    assert judged(code.format(0)).active is False
    found = judged(code.format(3))
    assert found.active is True
    assert "EPOCHS defaults to 3" in found.because


def test_a_switch_that_cannot_be_evaluated_holds():
    code = (
        "import socket\nmode = os.environ.get('MODE', 'a')\nif open('config').read() == mode:\n    learn(net, x, y)\n"
    )
    found = judged(code)
    assert found.status in ("violation", "hold")
    assert found.active is not False


def test_an_early_return_is_a_switch():
    code = """
def main():
    if not int(os.environ.get("TTT", "0")):
        return
    learn(net, x, y)
main()
"""
    assert judged(code).active is False


def test_on_by_default_but_the_main_command_sets_it_off():
    found = judged(SWITCH.format(1), readme("TTT=0 torchrun train_gpt.py"))
    assert (found.active, found.status) == (True, "hold")
    assert "TTT defaults to 1 (train_gpt.py:20)" in found.because
    assert "TTT=0, README.md:4" in found.because


def test_off_by_the_main_command_but_printed_as_on():
    found = judged(SWITCH.format(1), {**readme("TTT=0 torchrun train_gpt.py"), **log("TTT: 1")})
    assert (found.active, found.status) == (True, "violation")


def test_off_by_the_main_command_and_by_no_log_seen_to_run():
    command = readme("TTT=0 CAP=600 torchrun train_gpt.py")
    code = "cap = float(os.environ.get('CAP', '600.0'))\n" + SWITCH.format(1)
    silent = judged(code, {**command, **log("cap:600.000")})  # the same cap, however it is written
    assert (silent.active, silent.status) == (True, "hold")
    assert silent.because.endswith("sets it (TTT=0, README.md:4), and no log shows whether it ran")
    other = judged(code, {**command, **log("cap:300.000")})  # the log is of another run than the command's
    assert other.status == "violation"
    printing = code.replace("    learn", "    for _ in range(1):\n        print('adapting on: validation')\n    learn")
    assert judged(printing, {**command, **log("adapting on: validation")}).status == "violation"
    elsewhere = printing + "print('adapting on: nothing')\n"  # may be that line
    assert judged(elsewhere.replace("validation", "x"), {**command, **log("adapting on: x")}).status == "violation"
    assert (
        judged(elsewhere.replace("validation", "nothing"), {**command, **log("adapting on: nothing")}).status == "hold"
    )


def test_an_evaluation_in_the_main_run_counts_as_the_main_run():
    commands = "torchrun train_gpt.py\nEVAL_ONLY=1 TTT=1 torchrun train_gpt.py"
    found = judged(SWITCH.format(0), readme(commands))
    assert (found.active, found.status) == (True, "violation")
    apart = judged(SWITCH.format(0), readme("torchrun train_gpt.py\nTTT=1 torchrun train_gpt.py"))
    assert (apart.active, apart.status) == (True, "hold")


def test_what_the_launcher_sets_is_no_default():
    code = "if int(os.environ.get('WORLD_SIZE', '1')) == 8:\n    learn(net, x, y)\n"
    assert "WORLD_SIZE defaults" not in judged(code).because


def test_a_helper_that_reads_the_environment_is_not_the_place():
    code = "def env(name, default):\n    return os.environ.get(name, str(default))\nif int(env('TTT', 1)):\n"
    assert judged(code + "    learn(net, x, y)\n").because == "TTT defaults to 1 (train_gpt.py:22)"


def test_an_options_default_is_placed_at_the_line_that_gives_it():
    option = "import argparse\np = argparse.ArgumentParser()\np.add_argument(\n    '--ttt-on',\n{}    type=int,\n)\n"
    read = "args = p.parse_args()\nif args.ttt_on:\n    learn(net, x, y)\n"
    given = judged(option.format("    default=1,\n") + read)
    assert given.because == "ttt_on defaults to 1 (train_gpt.py:24)"
    assert "ttt_on is not set by default (train_gpt.py:23);" in judged(option.format("    # on\n") + read).because


def test_an_environment_that_is_not_shipped_is_said():
    found = judged(SWITCH.format(0), {"run.sh": "set -a\n. ./secret.env\ntorchrun train_gpt.py\n"})
    assert (found.active, found.status) == (False, "note")
    assert "./secret.env" in found.because
    assert "run.sh:2" in found.because


CONFIGURED = "import json, tomllib\nfrom pathlib import Path\n{}\nif cfg['ttt']['on']:\n    learn(net, x, y)\n"
READERS = {
    "opened": "with open('run.json') as held:\n    cfg = json.load(held)",
    "text": "cfg = json.loads(Path('run.json').read_text())",
    "beside": "cfg = json.load(open(os.path.join(os.path.dirname(__file__), 'run.json')))",
    "read": "cfg = json.loads(open('run.json').read())",
}


@pytest.mark.parametrize("how", READERS.values(), ids=READERS)
def test_configuration_that_is_shipped_is_read(how):
    code = CONFIGURED.format(how)
    found = judged(code, {"run.json": '{"ttt": {"on": true}}'})
    assert (found.status, found.because) == ("violation", "it runs with every setting that was followed")
    timeline = followed(DATA + code, {"run.json": '{"ttt": {"on": false}}'})
    assert not [e for e in timeline.events if isinstance(e, Adapt) and e.bits & timeline.in_play]


def test_toml_is_read():
    code = CONFIGURED.format("cfg = tomllib.load(open('run.toml', 'rb'))")
    assert judged(code, {"run.toml": "[ttt]\non = true\n"}).status == "violation"


@pytest.mark.parametrize("files", [None, {"run.json": "{not json"}])
@pytest.mark.parametrize("how", [READERS["opened"], READERS["text"]], ids=["opened", "text"])
def test_configuration_that_is_not_there_is_an_open_switch(how, files):
    assert judged(CONFIGURED.format(how), files).status == "hold"


def test_what_the_script_wrote_is_no_configuration():
    saved = "json.dump({'ttt': {'on': True}}, open('state.json', 'w'))\ncfg = json.load(open('state.json'))"
    assert judged(CONFIGURED.format(saved)).status == "violation"


HELPERS = {
    "bool": ("v = os.environ.get(name)\n    return default if v is None else v in ('1', 'true')", "{}"),
    "text": ("v = os.environ.get(name)\n    return (default if v is None else v) == '1'", "'{}'"),
    "of another": ("return bool(inner(name, default))", "{}"),
}
INNER = "def inner(name, default):\n    v = os.getenv(name)\n    return default if not v else int(v)\n"


@pytest.mark.parametrize("body, written", HELPERS.values(), ids=HELPERS)
def test_a_helper_is_followed_to_its_default(body, written):
    words = ("True", "False") if written == "{}" else ("1", "0")
    for word, on in zip(words, (True, False), strict=True):
        code = f"{INNER}def flag(name, default):\n    {body}\nON = flag('TTT', {written.format(word)})\n"
        found = judged(code + "if ON:\n    learn(net, x, y)\n")
        assert found.active is on
        assert found.because.startswith(f"TTT defaults to {word} (train_gpt.py:")


def test_a_helper_without_a_default_is_not_given_one():
    code = "def flag(name):\n    return os.environ.get(name) != '0'\nif flag('TTT'):\n    learn(net, x, y)\n"
    assert judged(code).because == "TTT is not set by default (train_gpt.py:22)"


PROFILE = """
def flag(name, default):
    v = os.environ.get(name)
    return default if v is None else v == "1"
class C:
    ttt = flag("TTT", False)
if os.environ.get("PROFILE", "") == "full":
    C.ttt = True
if C.ttt:
    learn(net, x, y)
"""


def test_an_off_default_is_no_reason_to_run():
    found = judged(PROFILE, readme("PROFILE=full torchrun train_gpt.py"))
    assert (found.active, found.status) == (True, "violation")
    assert "defaults to" not in found.because
    assert "README.md:4" in found.because


def test_what_the_log_prints_as_on_is_the_reason():
    found = judged(PROFILE, {**readme("PROFILE=full torchrun train_gpt.py"), **log("ttt: true")})
    assert found.because == "TTT is true in the logged run (train_seed1337.log:1)"


WITHOUT = "if int(os.environ.get('STEPS', '20')) > 0 and not int(os.environ.get('SKIP', '0')):\n    learn(net, x, y)\n"


def test_what_is_not_skipped_is_told_of_where_it_decides():
    code = "if not int(os.environ.get('SKIP', '0')):\n    learn(net, x, y)\n"
    assert judged(code).because == "SKIP defaults to 0 (train_gpt.py:20)"
    on = code.replace("if not", "if int(os.environ.get('TTT', '1')) and not")
    assert judged(on).because == "TTT defaults to 1 (train_gpt.py:20); it also hangs on SKIP (0)"


def test_the_switch_that_names_the_data_is_the_reason():
    code = "seen = read(os.environ.get('FILES', 'data/fineweb_train_*.bin'))\n" + WITHOUT.replace("x, y", "seen, seen")
    found = judged(code, readme("STEPS=30 FILES='data/fineweb_val_*.bin' torchrun train_gpt.py"))
    assert found.because.startswith("FILES is data/fineweb_val_*.bin in README.md:4")
    assert found.because.endswith("; it also hangs on STEPS (30) and SKIP (0)")


def test_a_default_inside_a_packed_script_is_a_line_of_its_layer():
    inside = base64.b64encode(zlib.compress((PRELUDE + DATA + SWITCH.format(1)).encode())).decode()
    timeline = followed(f'import base64, zlib\nexec(zlib.decompress(base64.b64decode("{inside}")))\n', prelude="")
    event, *_ = [e for e in timeline.events if isinstance(e, Adapt)]
    assert activity(timeline, event.bits, [event]).because == "TTT defaults to 1 (train_gpt.py:20 (layer 1))"


COPIES = {
    "called": "env = dict(os.environ)",
    "copied": "env = os.environ.copy()",
    "spread": "env = {**os.environ}",
    "copy of a copy": "env = dict(os.environ).copy()",
    "handed on": "def given(held=None): return held if held is not None else {}\nenv = given(dict(os.environ))",
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_switch_is_read_from_a_copy_of_the_environment(copy):
    code = f"{copy}\nif env.get('TTT_MODE', 'off') != 'off' and 'SKIP' not in env:\n    learn(net, x, y)\n"
    found = judged(code)
    assert found.active is False
    assert found.because.startswith("TTT_MODE defaults to off (train_gpt.py:")
    told = judged(code, readme("TTT_MODE=all torchrun train_gpt.py"))
    assert (told.active, told.because.partition(" (")[0]) == (True, "TTT_MODE is all in README.md:4")


def test_a_copy_of_the_environment_is_as_it_was_copied():
    code = "env = dict(os.environ)\nos.environ['TTT'] = '0'\nif int(env.get('TTT', '1')):\n    learn(net, x, y)\n"
    assert judged(code).active is not False
    before = "os.environ['TTT'] = '1'\nenv = dict(os.environ)\nif int(env.get('TTT', '0')):\n    learn(net, x, y)\n"
    assert judged(before).active is True


def test_of_two_conditions_the_one_that_closes_the_way_is_told():
    code = "if int(os.environ.get('CACHE', '1')) and int(os.environ.get('TTT', '0')):\n    learn(net, x, y)\n"
    assert judged(code).because == "TTT defaults to 0 (train_gpt.py:20); no setting in play turns it on"


ELSE = """
if int(os.environ.get("TTT", "0")):
    if int(os.environ.get("PHASES", "0")) > 0:
        print("phases")
    else:
        learn(net, x, y)
"""


def test_each_setting_is_told_by_what_closes_it_there():
    found = judged(ELSE, readme("TTT=1 PHASES=3 torchrun train_gpt.py"))
    assert found.active is False
    first, second, last = found.because.split("; ")
    assert first.startswith("each setting closes the way otherwise: TTT defaults to 0 (train_gpt.py:")
    assert second.startswith("PHASES is 3 in README.md:4")
    assert last == "no setting in play was seen to make it count"


def test_a_size_is_not_said_to_keep_something_from_running():
    code = "width = int(os.environ.get('WIDTH', '512'))\nif width > 1024:\n    learn(net, x, y)\n"
    assert judged(code).because == "no setting in play was seen to make it count"


def test_what_is_set_by_default_outranks_the_default_of_a_later_reader():
    code = "os.environ.setdefault('TTT', '1')\n" + SWITCH.format(0)
    found = judged(code)
    assert (found.active, found.because) == (True, "TTT defaults to 1 (train_gpt.py:20)")
    assert judged(code, readme("TTT=0 torchrun train_gpt.py")).status == "hold"


def test_a_switch_that_is_asked_to_be_off_keeps_nothing_from_running():
    code = """
def evaluate(net, x, y):
    if int(os.environ.get("FUSED", "1")):
        return
    learn(net, x, y)
if not int(os.environ.get("SKIP", "0")):
    evaluate(net, x, y)
"""
    found = judged(code)
    assert found.active is False
    assert found.because.startswith("no setting in play was seen to make it count")


def test_what_something_was_made_with_does_not_turn_it_on():
    code = """
kept = None
decay = float(os.environ.get("DECAY", "0.997"))
for step in range(9):
    kept = decay * step if kept is None else kept * decay
if kept is not None:
    learn(net, x, y)
"""
    assert "DECAY" not in judged(code).because


def test_what_a_command_sets_beside_is_no_reason():
    code = """
def load():
    name = os.environ.get("PREFIX", "")
    if not name:
        return None
    return read(name)
held = load()
count = held.numel() if held is not None else 0
if int(os.environ.get("STRIDE", "64")) < 128:
    if count > 0:
        learn(net, x, y)
"""
    found = judged(code, readme("STRIDE=32 PREFIX=answers.bin torchrun train_gpt.py"))
    assert found.active is True
    # As said of STRIDE=64, too: it is not what turned it on.
    assert found.because == "PREFIX is answers.bin in README.md:4 (Name); it also hangs on STRIDE (32)"


CHOSEN = {
    "a flag": """
on = False
if os.environ.get('KIND', 'plain') == 'blocks':
    on = True
if on:
    learn(net, x, y)
""",
    "the other way": """
if os.environ.get('KIND', 'plain') != 'blocks':
    held = None
else:
    held = x
if held is not None:
    learn(net, held, y)
""",
    "a return": """
def rounds():
    if os.environ.get('KIND', 'plain') == 'blocks':
        return 3
    return 0
if rounds() > 1:
    learn(net, x, y)
""",
    "what is worked out of it": """
size = 0
if os.environ.get('KIND', 'plain') == 'blocks':
    size = len(val)
length = 2 * size
if length > 0:
    learn(net, x, y)
""",
}


@pytest.mark.parametrize("code", CHOSEN.values(), ids=CHOSEN)
def test_what_was_chosen_under_a_switch_hangs_on_it(code):
    found = judged(code, readme("STRIDE=32 KIND=blocks torchrun train_gpt.py"))
    assert (found.status, found.because) == ("violation", "KIND is blocks in README.md:4 (Name)")
    off = judged(code, readme("STRIDE=32 torchrun train_gpt.py"))
    assert (off.status, off.because.partition(" (")[0]) == ("note", "KIND defaults to plain")


def test_what_is_the_same_with_a_switch_on_and_off_hangs_on_no_switch():
    code = "size = 3\nif int(os.environ.get('BIG', '0')):\n    size = 5\nif size > 2:\n    learn(net, x, y)\n"
    assert judged(code, readme("BIG=1 torchrun train_gpt.py")).because == "it runs with every setting that was followed"


def test_what_something_is_made_with_does_not_decide_whether_it_is_there():
    code = """
mean = None
if int(os.environ.get("MEAN", "1")):
    mean = [float(os.environ.get("DECAY", "0.997"))]
if mean is not None:
    learn(net, x, y)
"""
    assert judged(code).because == "it runs with every setting that was followed"  # by MEAN, and not by DECAY


PRINTS = (
    "def log0(text):\n    print(text)\n"
    + "".join(f"log0('{word}:here')\n" for word in ("seed_is", "layers", "compiled", "shards", "export_begins"))
    + "if int(os.environ.get('TTT', '0')):\n    log0(f'ttt:starting epochs:{1}')\n    learn(net, x, y)\n"
)
SAID = ("seed_is:here", "layers:here", "compiled:here", "shards:here", "model_dim:512", "export_begins:here")


def test_on_by_a_command_and_not_heard_of_in_the_log_of_the_score():
    command = readme("TTT=1 torchrun train_gpt.py")
    found = judged(PRINTS, command | log(*SAID))
    assert (found.active, found.status) == (True, "hold")
    assert "train_seed1337.log has no line that begins with 'ttt:starting epochs:'" in found.because
    assert "(train_gpt.py:28)" in found.because
    heard = judged(PRINTS, command | log(*SAID, "ttt:starting epochs:1"))
    assert (heard.active, heard.status) == (True, "violation")
    by_default = PRINTS.replace("'TTT', '0'", "'TTT', '1'")
    assert judged(by_default, log(*SAID)).status == "violation"
    preset = PRINTS.replace("if int(", "if os.environ.get('PRESET', 'a') == 'lean' or int(")
    printed = (*SAID, "preset:lean layers:9")
    assert judged(preset, log(*printed, "ttt:starting epochs:1")).status == "violation"
    denied = judged(preset, log(*printed))  # on by what the log prints alone, and by that very log it did not run
    assert (denied.active, denied.status) == (False, "note")
    told = judged(PRINTS, log(*SAID, "ttt:1 lr:2"))  # printed as on: the log's lines may be an older script's
    assert (told.active, told.status) == (True, "violation")
    off = judged(by_default, readme("TTT=0 torchrun train_gpt.py") | log(*SAID))
    assert (off.active, off.status) == (True, "hold")
    assert "but not as the main command sets it (TTT=0, README.md:4)" in off.because
    excerpt = judged(PRINTS, command | log("model_dim:512"))  # without the lines that it prints in any case
    assert (excerpt.active, excerpt.status) == (True, "violation")


def test_lines_of_a_log_are_known_by_their_beginnings():
    lines = beginnings("[rank0] ttt:starting epochs:12\n2026-04-01 12:00:00 step:9/20000 loss:1\n")
    assert {"ttt:starting epochs:#", "step:#/# loss:#"} <= lines
    assert "[mix] tokens=#" in beginnings("[mix] tokens=12")  # a tag of the script's own looks like a rank


def test_of_a_hold_only_the_switches_are_named_that_could_not_be_evaluated():
    code = """
level = hash(os.environ.get("LEVEL", "3")) == 4
if int(os.environ.get("TTT", "1")):
    if level:
        learn(net, x, y)
"""
    found = judged(code)
    assert (found.active, found.status) == (None, "hold")
    assert found.because == "a condition on the way could not be evaluated: LEVEL"


def test_what_runs_with_a_switch_on_and_off_is_not_turned_on_by_it():
    code = """
if int(os.environ.get("FIRST", "1")) or int(os.environ.get("SECOND", "1")):
    learn(net, x, y)
"""
    assert "FIRST" in judged(code).because
    found = judged(code, readme("FIRST=0 torchrun train_gpt.py"))
    assert found.because == "SECOND defaults to 1 (train_gpt.py:21)", found.because


ALSO = """
if int(os.environ.get("TTT", "1")) and {more}:
    for _ in range(int(os.environ.get("EPOCHS", "3"))):
        learn(net, x, y)
"""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("not int(os.environ.get('LEGAL', '0'))", "LEGAL (0) and EPOCHS (3)"),
        ("os.environ.get('MODE', 'whole') == 'whole'", "MODE (whole) and EPOCHS (3)"),
        ("len(val) > int(os.environ.get('LEAST', '8'))", "EPOCHS (3)"),  # the data decide there, too
        ("int(os.environ.get('WORLD_SIZE', '1')) > 0", "EPOCHS (3)"),  # the machine's
        ("(int(os.environ.get('A', '1')) or int(os.environ.get('B', '1')))", "EPOCHS (3)"),  # either is enough
        ("os.path.exists(os.environ.get('DATA', './data'))", "EPOCHS (3)"),
    ],
)
def test_what_else_it_hangs_on_is_told(more, told):
    found = judged(ALSO.format(more=more))
    assert found.because == f"TTT defaults to 1 (train_gpt.py:21); it also hangs on {told}"


def test_what_both_ways_do_hangs_on_neither():
    both = """
def teach(x, y):
    learn(net, x, y)
if int(os.environ.get("TTT", "1")):
    if int(os.environ.get("FAST", "0")):
        {fast}
    else:
        teach(x, y)
"""
    assert running(both.format(fast="teach(x[:8], y[:8])")).because == "TTT defaults to 1 (train_gpt.py:23)"
    assert running(both.format(fast="pass")).because.endswith("; it also hangs on FAST (0)")


def test_many_that_it_hangs_on_are_counted():
    code = (
        "".join(f"{' ' * i}if int(os.environ.get('S{i}', '1')):\n" for i in range(10)) + " " * 10 + "learn(net, x, y)\n"
    )
    because = judged(code).because
    assert because.endswith("it also hangs on S0 (1), S1 (1), S2 (1), S3 (1), S4 (1) and 2 more")
    assert "S9 defaults to 1" in because


def test_a_value_that_a_log_repeats_is_not_what_turned_it_on():
    code = """
class Args:
    plain = bool(int(os.environ.get("PLAIN", "0")))
    bytewise = bool(int(os.environ.get("BYTEWISE", "0")))
on = Args.plain or Args.bytewise
if on:
    learn(net, x, y)
"""
    found = judged(code, log("plain: False", "bytewise: True"))
    assert "bytewise" in found.because.lower()
    assert "plain" not in found.because.lower()


AVERAGED = """
def main():
    kept, step = None, 0
    while True:
        last = step == int(os.environ.get('ITERATIONS', '900'))
        if last:
            break
        loss = net(x, y)
        loss.detach()
        step += 1
        if int(os.environ.get('AVERAGED', '{}')) and step % 2 == 0:
            if kept is None:
                kept = {{name: value.clone() for name, value in net.state_dict().items()}}
            else:
                for name, value in net.state_dict().items():
                    kept[name] += value
    if kept is not None and step > 3:
        learn(net, x, y)
main()
"""
MEMORY = """
class Memory:
    def __init__(self):
        self.table = {{}}
memory = Memory() if int(os.environ.get('MEMORY', '{}')) else None
def evaluate(net, memory):
    if memory is not None:
        learn(net, x, y)
evaluate(net, memory)
"""


@pytest.mark.parametrize(("code", "switch"), [(AVERAGED, "AVERAGED"), (MEMORY, "MEMORY")])
def test_what_asks_whether_something_is_there_hangs_on_what_it_was_made_under(code, switch):
    assert judged(code.format(1)).because.startswith(f"{switch} defaults to 1 (train_gpt.py:")
    assert judged(code.format(0)).status == "note"
