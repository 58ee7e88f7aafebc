"""What rules offer: on their own examples, each change takes its finding away and adds none."""

import ast
import dataclasses
import json
from collections.abc import Callable

import pytest

from auditor import catalogue
from auditor.check import audit
from auditor.fix.change import Change
from auditor.fix.plan import Plan, Wanted, plan
from auditor.fix.scores import what_is_left
from auditor.fix.templates import requirements
from auditor.report import Printed
from auditor.rule import Example
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission
from rules.torch_scripts import ADAPT, evaluating, scored

ALL = Wanted(unsafe=True)
# Rules whose examples have nothing that a change could be made of: no switch, or a log that only a run mends.
WITHOUT = frozenset(
    {"calibration-on-val", "oracle-selection", "score-after-adapt", "slot-causal"}
    | {"slot-scored-region", "target-conditioned-gate", "target-in-key", "train-data-at-eval", "train-on-val"}
    | {"two-pass-rescore", "unnormalized-mixture", "byte-ppm-mixture", "calibration-after-budget"}
)
OFFERING = [rule.slug for rule in catalogue.load() if rule.fix is not None]


def submission(files: dict[str, str], name: str = "2026-04-01_Example") -> Submission:
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    return describe(tree, given=name, name=name, place=f"records/track_10min_16mb/{name}", script="train_gpt.py")


def of(example: Example) -> Submission:
    return submission({"train_gpt.py": example.code, **example.files})


def example_of(slug: str, title: str) -> Example:
    rule = catalogue.find(slug)
    assert rule is not None
    return next(e for e in (*rule.invalid, *rule.valid) if title in e.title)


def made(plan: Plan, path: str) -> str:
    return plan.files[path].decode()


@pytest.mark.parametrize("slug", [slug for slug in OFFERING if slug not in WITHOUT])
def test_a_change_on_an_example_of_the_rule_stands(slug: str) -> None:
    rule = catalogue.find(slug)
    assert rule is not None
    for example in rule.invalid:
        found = plan(of(example), audit, Wanted({slug}, unsafe=True))
        if found.made:
            assert found.files
            for change in found.made:
                _well_formed(change.change)
            assert {slug} == {finding.rule for change in found.made for finding in change.findings}
            again = plan(submission({p: d.decode() for p, d in {**texts(example), **found.files}.items()}), audit, ALL)
            assert not [f for m in again.made for f in m.findings if f.rule == slug]
            return
    pytest.fail("no example of the rule is changed")


def texts(example: Example) -> dict[str, bytes]:
    return {path: text.encode() for path, text in {"train_gpt.py": example.code, **example.files}.items()}


@pytest.mark.parametrize("slug", [slug for slug in OFFERING if slug not in WITHOUT])
def test_no_valid_example_is_changed(slug: str) -> None:
    rule = catalogue.find(slug)
    assert rule is not None
    for example in rule.valid[:1]:
        found = plan(of(example), audit, Wanted({slug}, unsafe=True))
        assert not found.files, example.title


def test_nothing_is_offered_against_what_is_legal() -> None:
    assert not [rule.slug for rule in catalogue.load() if rule.legal_reference and rule.fix is not None]


def test_one_character_switches_an_adaptation_off() -> None:
    example = example_of("prequant-ttt", "guarded")
    found = plan(of(example), audit, ALL)
    assert made(found, "train_gpt.py") == example.code.replace('"TTT_EPOCHS", 3)', '"TTT_EPOCHS", 0)')
    (change,) = found.made
    assert (change.change.safety, change.change.title) == ("unsafe", "Switch TTT_EPOCHS off by default")
    assert "new run" in change.change.effect


def test_a_switch_that_a_command_turns_on_is_turned_off_there() -> None:
    example = example_of("prequant-ttt", "off by default, on in the documented command")
    found = plan(of(example), audit, ALL)
    assert made(found, "README.md") == example.files["README.md"].replace("VAL_ADAPT=1", "VAL_ADAPT=0")
    assert set(found.files) == {"README.md"}


def test_what_a_log_shows_to_have_run_is_not_switched_off() -> None:
    example = example_of("prequant-ttt", "on by default, off in the log")
    log = example.files["train_seed1337.log"].replace("val_adapt: False", "val_adapt: True")
    found = plan(submission({"train_gpt.py": example.code, "train_seed1337.log": log}), audit, Wanted({"prequant-ttt"}))
    assert not found.files
    assert all(f.fix is None for f in found.before.findings if f.rule == "prequant-ttt")


def test_a_score_becomes_the_mean_of_the_logs_with_the_rest_of_the_line() -> None:
    example = example_of("claim-mismatch", "metadata of an older run")
    text = example.files["submission.json"].replace('"val_bpb": 1.1937', '"val_bpb":1.1937')
    found = plan(submission({"train_gpt.py": example.code, **example.files, "submission.json": text}), audit, Wanted())
    assert made(found, "submission.json") == text.replace('"val_bpb":1.1937', '"val_bpb":1.2015')
    assert json.loads(made(found, "submission.json"))["val_bpb"] == 1.2015


def test_a_check_of_the_processes_raises_and_stands_before_the_division() -> None:
    example = example_of("world-size", "from the environment")
    found = plan(of(example), audit, Wanted({"world-size"}))
    code = made(found, "train_gpt.py")
    assert '    if 8 % world_size != 0:\n        raise ValueError("' in code
    ast.parse(code)
    assert code.index("8 % world_size") < code.index("8 // world_size")


def test_hidden_characters_go_and_stay_as_escapes_in_strings() -> None:
    helper = plan(of(example_of("hidden-unicode", "without width in a helper")), audit, Wanted({"hidden-unicode"}))
    assert made(helper, "helper.py") == 'SPLIT = "tra\\u200bin"\n'
    assert ast.literal_eval(made(helper, "helper.py").partition("= ")[2]) == "tra\u200bin"
    comment = plan(of(example_of("hidden-unicode", "shows a comment as code")), audit, Wanted({"hidden-unicode"}))
    assert made(comment, "train_gpt.py").isascii()
    name = plan(of(example_of("hidden-unicode", "compiles as another")), audit, Wanted({"hidden-unicode"}))
    assert "\ntotal = total * 2\n" in made(name, "train_gpt.py")
    cyrillic = plan(of(example_of("hidden-unicode", "Cyrillic")), audit, Wanted({"hidden-unicode"}))
    assert not cyrillic.files  # another name, which stands elsewhere too


def test_missing_files_are_filled_with_what_logs_tell() -> None:
    example = example_of("missing-files", "no metadata and no README")
    found = plan(of(example), audit, Wanted({"missing-files"}))
    fields = json.loads(made(found, "submission.json"))
    assert fields | {"author": "", "github_id": "", "val_bpb": 1.2, "seeds": [1], "date": "2026-04-01"} == fields
    assert "| 1 | 1.20000000 |" in made(found, "README.md")
    assert "torchrun --standalone --nproc_per_node=8 train_gpt.py" in made(found, "README.md")
    package = plan(of(example_of("missing-files", "nothing asks to install")), audit, Wanted({"missing-files"}))
    assert made(package, "requirements.txt") == "Brotli\n"
    lacking = plan(of(example_of("missing-files", "metadata without a score")), audit, Wanted({"missing-files"}))
    assert json.loads(made(lacking, "submission.json"))["val_bpb"] == 1.2


def test_training_stops_early_enough_for_what_follows() -> None:
    example = example_of("calibration-after-budget", "the full 600 s")
    found = plan(of(example), audit, Wanted({"calibration-after-budget"}, unsafe=True))
    assert made(found, "train_gpt.py") == example.code.replace("600", "586", 1)
    (change,) = found.made
    assert change.change.safety == "unsafe"
    assert "14 s less" in change.change.effect


def test_a_table_gets_what_it_lacks() -> None:
    wants: dict[str, Callable[[str], str]] = {
        "too short": lambda text: text.replace("|------|---------|\n", "|------|---------|---------|\n"),
        "no line of dashes": lambda text: text.replace("| 1337 |", "|---|---|\n| 1337 |"),
        "doubled": lambda text: text.replace("||", "|"),
        "inside of code": lambda text: text.replace("`a|b`", "`a\\|b`"),
    }
    for title, want in wants.items():
        example = example_of("broken-table", title)
        found = plan(of(example), audit, Wanted({"broken-table"}))
        assert made(found, "README.md") == want(example.files["README.md"]), title


def _well_formed(change: Change) -> None:
    assert change.title
    assert not change.title.endswith(".")
    assert bool(change.effect) == (change.safety == "unsafe")
    assert change.parts


def rounds(epochs: str, scored: str = "epoch == epochs - 1") -> str:
    """Return a script that adapts for some epochs over each chunk and counts the losses of one of them."""
    return evaluating(f"""
epochs = {epochs}

def evaluate(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    total, count = torch.zeros(()), 0
    for start in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[start:start + 1024][None], tokens[start + 1:start + 1025][None]
        for epoch in range(epochs):
            loss = model(x, y)
            if {scored}:
                total += loss.detach() * y.numel()
                count += y.numel()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
    return total.item() / max(count, 1)
""")


def test_of_rounds_that_make_the_score_one_stays() -> None:
    code = rounds('int(os.environ.get("TTT_EPOCHS", "3"))')
    found = plan(submission({"train_gpt.py": code}), audit, Wanted({"score-after-adapt"}, unsafe=True))
    assert made(found, "train_gpt.py") == code.replace('"3"', '"1"')
    (change,) = found.made
    assert change.change.title == "Set TTT_EPOCHS to 1 by default"
    assert "one has to stay" in change.change.effect


def test_one_round_cures_no_loss_that_is_scaled_in_each() -> None:
    code = rounds('int(os.environ.get("TTT_EPOCHS", "3"))').replace("loss.detach() *", "0.95 * loss.detach() *")
    given = submission({"train_gpt.py": code})
    assert any(f.rule == "unnormalized-mixture" for f in audit(given).findings)
    assert all(f.fix is None for f in audit(given).findings if f.rule == "unnormalized-mixture")


def test_one_round_that_makes_the_score_is_not_switched_off() -> None:
    # It scores what it has just learned: without it there is no score at all.
    learned = "        model(x, y).backward()\n        sgd.step()\n        for epoch in"
    code = rounds('int(os.environ.get("TTT_EPOCHS", "1"))').replace("        for epoch in", learned)
    found = plan(submission({"train_gpt.py": code}), audit, Wanted({"score-after-adapt"}, unsafe=True))
    assert [f.rule for f in found.before.findings if f.rule == "score-after-adapt"]
    assert not found.files


def test_a_value_that_the_program_refuses_is_not_given() -> None:
    example = example_of("prequant-ttt", "guarded")
    check = 'epochs = int(os.environ.get("TTT_EPOCHS", 3))\nif epochs < 1:\n    raise ValueError("no epochs")\n'
    code = example.code.replace('epochs = int(os.environ.get("TTT_EPOCHS", 3))\n', check)
    found = plan(submission({"train_gpt.py": code}), audit, ALL)
    assert not found.made
    (left,) = (left for left in found.left if left.findings[0].rule == "prequant-ttt")
    assert left.why == "with the script's defaults the program would no longer come to its end"


def stale_bytes(text: Callable[[str], str]) -> tuple[dict[str, str], Plan]:
    example = example_of("stale-metadata", "another size")
    files = {"train_gpt.py": example.code, **example.files}
    files["submission.json"] = text(files["submission.json"])
    return files, plan(submission(files), audit, Wanted({"stale-metadata"}))


def test_a_number_is_changed_without_the_comma_behind_it() -> None:
    files, found = stale_bytes(lambda text: text.replace("14123457", '14123457,\n  "last": "x"'))
    value = int(found.made[0].change.title.removeprefix("Set bytes_total to ").partition(",")[0])
    assert made(found, "submission.json") == files["submission.json"].replace("14123457,", f"{value},")


def test_a_mean_of_bytes_becomes_the_mean() -> None:
    _, found = stale_bytes(lambda text: text.replace("bytes_total", "artifact_bytes_mean"))
    (change,) = found.made
    assert "the mean of 3 logs" in change.change.title


def test_a_score_of_more_runs_than_there_are_logs_is_left() -> None:
    example = example_of("claim-mismatch", "metadata of an older run")
    text = example.files["submission.json"].replace("{", '{"seeds": [1, 2, 3, 4, 5],', 1)
    files = {"train_gpt.py": example.code, **example.files, "submission.json": text}
    report = audit(submission(files))
    assert [f.fix for f in report.findings if f.rule == "claim-mismatch" and f.path == "submission.json"] == [None]


def test_what_was_made_with_a_number_is_not_switched_off_by_it() -> None:
    """Whether there are neighbours doesn't hang on how many were asked for."""
    code = evaluating("""
def near(seen, k):
    if len(seen) < k:
        return None
    return torch.stack(seen[-k:]).mean(0)

def evaluate(model, tokens, k=int(os.environ.get("NEIGHBOURS", "4"))):
    total, seen = torch.zeros(()), []
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        loss = model(x, y)
        other = near(seen, k)
        if other is not None:
            loss = torch.minimum(loss, model(x, y) * other)
        total += loss * 1024
        seen.append(loss)
    return total.item() / (tokens.numel() - 1)
""")
    found = audit(submission({"train_gpt.py": code})).findings
    assert [f.fix for f in found if f.rule == "oracle-selection"] == [None]


def test_a_choice_between_two_ways_to_do_it_comes_after_the_switch() -> None:
    example = example_of("prequant-ttt", "guarded")
    start = example.code.index("epochs = int(os.environ")
    middle = example.code.index("bits = evaluate(", start)
    step = """        model(val[at:at + 1024][None], val[at + 1:at + 1025][None]).backward()
        micro.step()
"""
    adapted = f"""micro = torch.optim.Adam(model.parameters(), lr=1e-4)
if int(os.environ.get("TTT_ENABLED", "1")):
    if int(os.environ.get("TTT_SHUFFLED", "1")):
        for at in torch.randperm(1000).tolist():
    {step.replace(chr(10) + "    ", chr(10) + "        ")}
    else:
        for at in range(0, val.numel() - 1025, 1024):
    {step.replace(chr(10) + "    ", chr(10) + "        ")}
"""
    code = example.code[:start] + adapted + example.code[middle:]
    fixes = [f.fix for f in audit(submission({"train_gpt.py": code})).findings if f.rule == "prequant-ttt"]
    assert [fix.title for fix in fixes if fix] == ["Switch TTT_ENABLED off by default"]


def test_a_switch_of_the_way_that_is_not_taken_closes_nothing() -> None:
    copies = (
        "copies = int(os.environ.get('COPIES', '1'))\n"
        "if int(os.environ.get('ADAPTS', '1')):\n"
        "    if copies > 1:\n        for _ in range(copies):\n            adapt(model, val, epochs=2)\n"
        "    else:\n        adapt(model, val, epochs=2)\n"
    )
    report = audit(submission({"train_gpt.py": scored(ADAPT, copies)}), select=["prequant-ttt"])
    titles = {finding.fix.title for finding in report.findings if finding.fix is not None}
    assert titles == {"Switch ADAPTS off by default"}


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ((), "The score printed at train_gpt.py:9 is no longer printed."),
        ((("train_gpt.py", 4, "first"),), "The score printed at train_gpt.py:9 no longer counts what is predicted at"),
    ],
)
def test_what_becomes_of_the_printed_scores_is_said(lost: tuple[tuple[str, int, str], ...], says: str) -> None:
    report = audit(submission({"train_gpt.py": "x = 1\n"}))
    counts = (("train_gpt.py", 4, "first"), ("train_gpt.py", 6, "second"))
    before = dataclasses.replace(report, printed=(Printed("train_gpt.py", 9, "print(bpb)", "defaults", counts),))
    left = (Printed("train_gpt.py", 9, "print(bpb)", "defaults", lost),) if lost else ()
    assert what_is_left(before, dataclasses.replace(report, printed=left)).startswith(says)
    assert what_is_left(before, before) == ""


def test_a_module_of_unknown_origin_is_not_asked_of_an_index() -> None:
    # The package of its name, if there is one, may be somebody else's.
    assert requirements(["zstandard", "prepare_data"]) is None
    known = requirements(["zstandard", "yaml"])
    assert known is not None
    assert known.title == "Add a requirements.txt with PyYAML, zstandard"


def test_a_switch_of_one_of_two_passes_closes_neither() -> None:
    calls = "adapt(model, val, epochs=1)\nif int(os.environ.get('AGAIN', 1)):\n    adapt(model, val, epochs=1)\n"
    case = submission({"train_gpt.py": "import os\n" + scored(ADAPT, calls)})
    found = [f for f in audit(case).findings if f.rule == "prequant-ttt"]
    assert found
    assert not any(f.fix is not None and "AGAIN" in f.fix.title for f in found)
    single = submission({"train_gpt.py": "import os\n" + scored(ADAPT, calls.split("\n", 1)[1])})
    assert any(f.fix is not None and "AGAIN" in f.fix.title for f in audit(single).findings)
