"""What a finding amounts to by the score that is claimed: by the logs, the metadata, the README."""

import pytest
from submissions import submission

from auditor.check import audit
from rules import prequant_ttt, target_conditioned_gate, target_in_key

CACHED = target_in_key.RULE.invalid[0].code.replace(
    'print(f"val_bpb:{evaluate(Net(), tokens) / math.log(2.0) / len(tokens):.6f}")',
    """
def plain(net, tokens):
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        total += F.cross_entropy(net(part[:-1]), part[1:], reduction="sum").item()
    return total

def timed(label, work):
    bits = work(Net(), tokens) / math.log(2.0) / len(tokens)
    print(f"{label} val_bpb:{bits:.6f}")

timed("network_alone", plain)
if SWITCH:
    timed("with_cache", evaluate)
""",
)
ALWAYS = CACHED.replace("SWITCH", "True")
OFF = "import os\n" + CACHED.replace("SWITCH", 'int(os.environ.get("USE_CACHE", "0"))')
LOG = "seed:42\nnetwork_alone val_bpb:1.200000\nwith_cache val_bpb:1.100000\n"


def statuses(code: str, rule: str, files: dict[str, str], name: str = "2026-04-01_Example") -> list[str]:
    return [finding.status for finding in audit(submission(code, files, name), select=[rule]).findings]


@pytest.mark.parametrize(("claim", "status"), [("1.2", "hold"), ("1.1", "violation"), ("1.3", "violation")])
def test_a_score_beside_the_claimed_one_is_a_hold(claim: str, status: str) -> None:
    files = {"train_seed42.log": LOG, "submission.json": f'{{"val_bpb": {claim}, "seeds": [42]}}'}
    assert statuses(ALWAYS, "target-in-key", files) == [status]


def test_the_readme_says_which_score_counts_where_the_metadata_names_none_that_was_printed() -> None:
    files = {
        "train_seed42.log": LOG,
        "submission.json": '{"val_bpb": 1.1999}',
        "README.md": "# Name\n\n| Metric | Score |\n|-|-|\n| val_bpb | 1.2000 |\n",
    }
    assert statuses(ALWAYS, "target-in-key", files) == ["hold"]


@pytest.mark.parametrize(
    ("log", "claim", "status"),
    [
        (LOG, "1.1", "violation"),
        (LOG, "1.3", "hold"),
        (LOG.replace("with_cache", "something"), "1.1", "note"),
        ("seed:42\nnetwork_alone val_bpb:1.200000\n", "1.2", "note"),
    ],
)
def test_a_printed_score_shows_that_its_switch_was_on(log: str, claim: str, status: str) -> None:
    files = {"train_seed42.log": log, "submission.json": f'{{"val_bpb": {claim}, "seeds": [42]}}'}
    assert statuses(OFF, "target-in-key", files) == [status]


HINT = target_conditioned_gate.RULE.invalid[1].code.replace('"0.75"', '"0.0"')


@pytest.mark.parametrize(("claim", "status"), [("1.1", "note"), ("1.2", "violation")])
def test_only_the_logs_of_the_claimed_runs_set_switches(claim: str, status: str) -> None:
    files = {
        "earlier/train_seed42.log": "seed:42\nword_push: 0.75\nval_bpb:1.200000\n",
        "train_seed42.log": "seed:42\nword_push: 0.0\nval_bpb:1.100000\n",
        "submission.json": f'{{"val_bpb": {claim}, "seeds": [42]}}',
    }
    assert statuses(HINT, "target-conditioned-gate", files) == [status]


DOCUMENTED = next(e for e in prequant_ttt.RULE.invalid if "documented command" in e.title)
RETRACTED = '{"val_bpb": null, "status": "retracted", "val_bpb_retracted": 1.1}'
COMMAND = "torchrun --nproc_per_node=8 train_gpt.py"


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"README.md": f"```bash\nVAL_ADAPT=1 {COMMAND}\n```\n"}, "violation"),
        ({"README.md": f"```bash\nVAL_ADAPT=1 {COMMAND}\n```\n", "submission.json": RETRACTED}, "hold"),
        ({"README.md": f"```bash\nVAL_ADAPT=1 {COMMAND}\n```\n", "submission.json": '{"val_bpb": null}'}, "violation"),
        ({"README.md": f"```bash\nVAL_ADAPT=1 {COMMAND}\nVAL_ADAPT=0 SEED=2 {COMMAND}\n```\n"}, "hold"),
        ({"README.md": "# Name\n\nThe score was measured with `VAL_ADAPT=1`.\n"}, "hold"),
        ({"README.md": "# Name\n\nIt was not measured with `VAL_ADAPT=1`.\n"}, "note"),
        ({"README.md": "# Name\n\nMeasured with `VAL_ADAPT=1`.\n", "train.log": "val_adapt: 0\n"}, "note"),
    ],
)
def test_what_documents_say_of_a_switch(files: dict[str, str], status: str) -> None:
    assert statuses(DOCUMENTED.code, "prequant-ttt", files) == [status]


@pytest.mark.parametrize(
    ("title", "code", "status"),
    [
        ("# Ten layers and a 7-gram cache", target_in_key.RULE.valid[2].code, ["hold"]),
        ("# Ten layers and a bigram hash", target_in_key.RULE.valid[2].code, []),
        ("# Ten layers and a 7-gram cache", target_in_key.RULE.valid[1].code, []),
    ],
)
def test_a_cache_in_the_title_alone_is_a_hold(title: str, code: str, status: list[str]) -> None:
    assert statuses(code, "target-in-key", {"README.md": f"{title}\n"}) == status


def test_the_number_of_processes_is_that_of_the_log() -> None:
    code = "import os\n" + CACHED.replace("SWITCH", 'int(os.environ.get("WORLD_SIZE", "1")) > 1')
    files = {
        "train_seed42.log": "world_size:1\n" + LOG.replace("with_cache", "other"),
        "submission.json": '{"val_bpb": 1.3, "seeds": [42]}',
    }
    assert statuses(code, "target-in-key", files) == ["hold"]
    assert statuses(code, "target-in-key", {}) == ["violation"]


SAID = ("seed_is", "layers", "compiled", "shards", "export_begins")
SECOND = (
    "".join(f'print("{word}:here")\n' for word in SAID)
    + """
if int(os.environ.get("USE_CACHE", "0")):
    print("second pass begins")
    timed("with_cache", evaluate)
"""
)


@pytest.mark.parametrize(("said", "status"), [("second pass begins\n", "violation"), ("", "hold")])
def test_a_log_without_the_line_that_a_part_prints_is_no_proof_of_it(said: str, status: str) -> None:
    code = "import os\n" + CACHED.partition("if SWITCH")[0] + SECOND
    log = "model_dim: 512\n" + "".join(f"{word}:here\n" for word in SAID) + said + LOG
    files = {"train_seed42.log": log, "submission.json": '{"val_bpb": 1.1, "seeds": [42]}'}
    assert statuses(code, "target-in-key", files) == [status]
