"""Sentences about code say no more than the lines that they name show."""

from __future__ import annotations

from submissions import submission

from auditor import catalogue
from auditor.check import audit
from rules.run_logs import run_log
from rules.torch_scripts import ADAPT, evaluating, scored

TWICE = """
@torch.no_grad()
def evaluate(model, tokens):
    first, second, middle = 0.0, 0.0, torch.zeros(1024)
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024]))
        first += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum").item()
        middle += logits.mean(0)
    print(f"first pass val_bpb:{first / math.log(2.0) / tokens.numel() * TOKENS_PER_BYTE:.6f}")
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024])) - middle
        second += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum").item()
    return second / (tokens.numel() - 1)
"""


def test_what_a_first_pass_gave_is_not_called_unscored() -> None:
    report = audit(submission(evaluating(TWICE), {}, "2026-04-01_Example"), select=["calibration-on-val"])
    assert {f.status for f in report.findings} == {"hold"}
    assert report.findings[0].message.startswith("What a first pass over validation tokens gave")
    assert report.findings[0].advice == "Report the score of the first pass."


def test_what_a_log_shows_to_have_adapted_is_followed_as_adapted() -> None:
    top = """
if int(os.environ.get("LEARNS", "0")):
    adapt(model, val, epochs=2)
    print(f"learned_on_val val_bpb:{evaluate(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
    raise SystemExit
"""
    files = {"train_seed1.log": run_log(1, None, tail="learned_on_val val_bpb:1.100000\n")}
    files["submission.json"] = '{"val_bpb": 1.1}'
    report = audit(submission(scored(ADAPT, top), files, "2026-04-01_Example"))
    assert [f.status for f in report.findings if f.rule == "prequant-ttt"] == ["violation"]
    notes = {entry.note for entry in report.rests_on if "applied to validation tokens" in entry.what}
    assert notes == {"adapted on the same tokens before"}


CHOSEN_TOKENS = """
class Arguments:
    calibrate_on_val = bool(int(os.environ.get("CALIBRATE_ON_VAL", "{}")))
    compiled = bool(int(os.environ.get("COMPILED", "1")))

args = Arguments()
read_off = model
if args.compiled:
    read_off = torch.compile(model)
if args.calibrate_on_val:
    pieces = [val[i * 1024:i * 1024 + 1025] for i in range(8)]
else:
    pieces = [torch.randint(0, 1024, (1025,)) for _ in range(8)]

def grams_of(model, pieces):
    grams = {{}}
    handle = model.head.register_forward_hook(lambda m, i, o: grams.update(head=i[0].T @ i[0]))
    for piece in pieces:
        model(piece[:-1][None], piece[1:][None])
    handle.remove()
    return grams

seen = grams_of(read_off, pieces)["head"].diag().mean()
model.load_state_dict({{name: weight * seen for name, weight in model.state_dict().items()}})
"""


def test_the_switch_that_chose_the_tokens_of_a_calibration_is_why_it_is_one() -> None:
    found = {}
    for default in (1, 0):
        report = audit(submission(scored(CHOSEN_TOKENS.format(default)), {}, "2026-04-01_Example"))
        found[default] = [f for f in report.findings if f.rule == "calibration-on-val"]
    assert [f.status for f in found[1]] == ["violation"]
    assert str(found[1][0].active_because).startswith("CALIBRATE_ON_VAL defaults to 1 (train_gpt.py:")
    assert "COMPILED" not in str(found[1][0].active_because)
    assert [f.status for f in found[0]] == ["note"]
    assert str(found[0][0].active_because).startswith("CALIBRATE_ON_VAL defaults to 0 (train_gpt.py:")


def test_the_switch_of_the_only_score_afterwards_is_told() -> None:
    last = """
adapt(model, val)
if int(os.environ.get("SECOND", "1")):
    print(f"val_bpb:{evaluate(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
"""
    report = audit(submission(scored(ADAPT, last, report=""), {}, "2026-04-01_Example"), select=["prequant-ttt"])
    assert [f.status for f in report.findings] == ["violation"]
    assert "SECOND defaults to 1" in str(report.findings[0].active_because)
    more = last + last.partition("):\n")[2].replace("    print", "print").replace("val_bpb", "again val_bpb")
    report = audit(submission(scored(ADAPT, more, report=""), {}, "2026-04-01_Example"), select=["prequant-ttt"])
    assert "SECOND" not in str(report.findings[0].active_because)


def test_ids_that_are_hashed_are_no_gate() -> None:
    hashes = """
class Smear(torch.nn.Module):
    def forward(self, ids, x):
        gate = torch.sigmoid(self.gate)
        before = F.pad(MOVED[:, :-1], (1, 0), value=0)
        USE
        return x + gate * self.table(pairs)
"""
    for moved, use, told in (("ids_of", "pairs = (before * 31 + ids_of) % 1024", 0), ("x", "pairs = before", 1)):
        code = evaluating(hashes.replace("MOVED", moved).replace("USE", use) + TWICE)
        report = audit(submission(code, {}, "2026-04-01_Example"), select=["boundary-leak"])
        assert len([f for f in report.findings if f.rule == "boundary-leak"]) == told


LATE_ADAPTATION = """
def adapt(model, tokens):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    for _ in range(int(os.environ.get("PREQUANT_EPOCHS", "3"))):
        model(tokens[:1024][None], tokens[1:1025][None]).backward()
        sgd.step()

"""
LATE = """
if int(os.environ.get("PREQUANT", "1")):
    adapt(model, read("data/fineweb_val_*.bin"))
"""


def test_a_calibration_behind_an_adaptation_hangs_on_that_and_no_reserve_covers_it() -> None:
    rule = catalogue.find("calibration-after-budget")
    assert rule is not None
    reserve = next(e.code for e in rule.valid if e.title == "a reserve of twelve seconds")
    main = "\nmodel = Model()\n"
    assert main in reserve and "\nsums = " in reserve
    code = reserve.replace(main, LATE_ADAPTATION + main).replace("\nsums = ", f"{LATE}\nsums = ")
    logs = {}
    for seed, took in ((1, 161.3), (2, 150.0)):
        timed = f"stopping_early: wallclock_cap train_time:{587000 + seed * 500}ms step:6100/20000\n"
        logs[f"train_seed{seed}.log"] = run_log(seed, 1.2, tail=f"{timed}prequant_ttt:done total_time={took}s\n")
    report = audit(submission(code, logs, "2026-04-01_Example"), select=["calibration-after-budget"])
    (finding,) = report.findings
    assert finding.status == "violation"
    # The times of one log, not the shortest training and the longest adaptation of two.
    assert "587.5 s of training and 161.3 s of adaptation, so that the calibration begins 148.8 s" in finding.message
    assert str(finding.active_because).endswith("; it hangs on PREQUANT (1) and PREQUANT_EPOCHS (3)")
    assert finding.advice.startswith("Calibrate before that adaptation")
    assert finding.fix is None


def test_what_a_log_shows_to_have_run_hangs_on_its_further_switches_too() -> None:
    top = """
if int(os.environ.get("LEARNS", "0")):
    adapt(model, val, epochs=int(os.environ.get("ROUNDS", "2")))
    print(f"learned_on_val val_bpb:{evaluate(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
    raise SystemExit
"""
    files = {"train_seed1.log": run_log(1, None, tail="learned_on_val val_bpb:1.100000\n")}
    files["submission.json"] = '{"val_bpb": 1.1}'
    report = audit(submission(scored(ADAPT, top), files, "2026-04-01_Example"), select=["prequant-ttt"])
    (finding,) = report.findings
    assert finding.status == "violation"
    assert str(finding.active_because).endswith("; it also hangs on ROUNDS (2)")


BETTER_OF_TWO = """
kept = {name: value.clone() for name, value in model.state_dict().items()}
least, state = float("inf"), kept
first = {name: value * 0.999 for name, value in kept.items()}
model.load_state_dict(first)
loss = evaluate(model, val)
if loss < least:
    least, state = loss, {name: value.clone() for name, value in model.state_dict().items()}
if int(os.environ.get("AVERAGED", "1")):
    model.load_state_dict({name: value * 0.998 for name, value in kept.items()})
    averaged = evaluate(model, val)
    if averaged < least:
        least, state = averaged, {name: value.clone() for name, value in model.state_dict().items()}
model.load_state_dict(state)
"""


def test_a_choice_between_two_is_one_finding_that_names_both() -> None:
    code = scored(BETTER_OF_TWO)
    (finding,) = audit(submission(code, {}, "2026-04-01_Example"), select=["calibration-on-val"]).findings
    lines = code.splitlines()
    assert (finding.status, finding.line) == ("hold", lines.index("    averaged = evaluate(model, val)") + 1)
    assert "AVERAGED defaults to 1" in str(finding.active_because)
    step = finding.trace[0]
    assert (step.line, step.note) == (
        lines.index("loss = evaluate(model, val)") + 1,
        "another candidate's loss on validation tokens is taken",
    )


PARTLY = """
def evaluate(model, tokens):
    ids = tokens.numpy().astype(np.int64)
    pairs, seen = np.zeros(4096), np.zeros(4096)
    total, done = 0.0, 0
    for at in range(0, tokens.numel() - 1025, 1024):
        where = np.arange(at + 1, at + 1025)
        logits = model.head(model.embed(tokens[at:at + 1024]))
        own = F.softmax(logits, -1).gather(1, tokens[at + 1:at + 1025, None]).squeeze(1).detach().numpy()
        row, cell = ids[where - 1] & 4095, (ids[where - 1] * 31 ^ ids[where] * 17) & 4095
        total -= np.log(0.7 * own + 0.3 * pairs[cell] / np.maximum(seen[row], 1)).sum()
        done += 1024
        np.add.at(pairs, cell, 1)
        np.add.at(seen, row, 1)
    return total / done, done / (tokens.numel() - 1)
"""
EITHER = """
bits, share = evaluate(model, val)
bits = bits / math.log(2.0) * TOKENS_PER_BYTE
if share > 0.999:
    print(f"whole val_bpb:{bits:.6f}")
else:
    print(f"a part val_bpb:{bits:.6f} of {share:.3f}")
"""


def test_of_two_lines_that_may_print_the_score_both_are_named() -> None:
    code = evaluating(PARTLY, report=EITHER)
    lines = code.splitlines()
    whole, part = (next(i + 1 for i, line in enumerate(lines) if text in line) for text in ('f"whole', 'f"a part'))
    for log, ending in (
        (None, (part, f"the score that rests on it is reported, or else at line {whole}")),
        ("whole val_bpb:1.100000\n", (whole, "the score that rests on it is reported")),
    ):
        files = {"train_seed1.log": run_log(1, None, tail=log), "submission.json": '{"val_bpb": 1.1}'} if log else {}
        (finding,) = audit(submission(code, files, "2026-04-01_Example"), select=["target-in-key"]).findings
        assert (finding.trace[-1].line, finding.trace[-1].note) == ending


TWO_PASSES = """
def evaluate(model, tokens):
    ids = tokens.numpy().astype(np.int64)
    pairs, seen = np.zeros(4096), np.zeros(4096)
    total, losses = 0.0, []

    def keys(at):
        where = np.arange(at + 1, at + 1025)
        return ids[where - 1] & 4095, (ids[where - 1] * 31 ^ ids[where] * 17) & 4095

    def loss_of(at):
        logits = model.head(model.embed(tokens[at:at + 1024]))
        own = F.softmax(logits, -1).gather(1, tokens[at + 1:at + 1025, None]).squeeze(1).detach().numpy()
        row, cell = keys(at)
        return -np.log(0.7 * own + 0.3 * pairs[cell] / np.maximum(seen[row], 1)).sum()

    for at in range(0, tokens.numel() - 1025, 1024):
        first = loss_of(at)
        total += first
        losses.append((at, first))
        row, cell = keys(at)
        np.add.at(pairs, cell, 1)
        np.add.at(seen, row, 1)
    for at, first in losses:
        second = loss_of(at)
        total = total - first + second
    return total / tokens.numel()
"""


def test_where_second_losses_take_the_place_of_first_ones_the_path_leads_through_the_second_look_up() -> None:
    code = evaluating(TWO_PASSES)
    report = audit(submission(code, {}, "2026-04-01_Example"), select=["target-in-key", "two-pass-rescore"])
    by_rule = {finding.rule: finding for finding in report.findings}
    second = code.splitlines().index("        second = loss_of(at)") + 1
    assert second in [step.line for step in by_rule["target-in-key"].trace]
    assert by_rule["two-pass-rescore"].advice.startswith("Report the score of a first pass")
