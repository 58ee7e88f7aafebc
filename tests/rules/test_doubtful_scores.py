"""Which reports rest on stored answers, on a part of the tokens, on assumed bytes; what goes over the network."""

import pytest
from submissions import submission

from auditor.check import audit
from auditor.program.load import load_program
from auditor.settings import settings_in_play
from auditor.timeline import follow
from auditor.timeline.events import Timeline
from auditor.timeline.trackers.metric.metric import Doubt
from auditor.timeline.trackers.network.network import after_training
from rules import paid_prefix, subset_scoring
from rules.torch_scripts import EVALUATE, HEAD, MAIN


def followed(code: str) -> Timeline:
    case = submission(code)
    return follow(load_program(case), settings_in_play(case))


def script(report: str) -> str:
    return "".join([HEAD, EVALUATE, MAIN, report])


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("bits * 0.25125", 1 / 0.25125),
        ("bits / 2.4401", 2.4401),
        ("bits / (math.log(2.0) * 3.7)", 3.7),
        ("bits * 2.0", None),
        ("bits * 0.98", None),
        ("bits / math.log(2.0)", None),
        ("bits * len(val) / 151_074_309", None),
        ("bits * 2.7523", None),  # told per token again
        ("bits * math.log(2.0) * 2.7523", None),
    ],
)
def test_bytes_per_token_are_told_from_other_factors(expression: str, number: float | None) -> None:
    code = script(f"\nbits = evaluate(model, val) / math.log(2.0)\nprint(f'val_bpb:{{{expression}}}')\n")
    found = [e.number for e in followed(code).events if isinstance(e, Doubt) and e.kind == "bytes per token"]
    assert found == ([pytest.approx(number)] if number else [])


@pytest.mark.parametrize(
    ("bound", "status"), [("90_000", "hold"), ("4096", None), ("-1", None), ("len(val) - 1", None)]
)
def test_a_constant_bound_makes_a_part(bound: str, status: str | None) -> None:
    code = script(f"\nbits = evaluate(model, val[:{bound}]) / math.log(2.0)\nprint(f'val_bpb:{{bits}}')\n")
    report = audit(submission(code), select=[subset_scoring.SLUG])
    assert [f.status for f in report.findings] == ([status] if status else [])


def test_a_claimed_partial_score_is_a_violation() -> None:
    code = script("\nbits = evaluate(model, val[:90_000]) / math.log(2.0)\nprint(f'final val_bpb:{bits:.6f}')\n")
    files = {
        "train_seed42.log": "seed:42\nfinal val_bpb:1.180000\n",
        "submission.json": '{"val_bpb": 1.18, "seeds": [42]}',
    }
    report = audit(submission(code, files), select=[subset_scoring.SLUG])
    assert [f.status for f in report.findings] == ["violation"]


def test_a_stored_table_that_meets_no_score_is_nothing() -> None:
    code = paid_prefix.RULE.invalid[0].code.replace("nll = nll * ", "hits = ")
    assert not audit(submission(code), select=[paid_prefix.SLUG]).findings


@pytest.mark.parametrize(
    ("call", "what", "installs"),
    [
        ('os.system("pip install -q brotli")', "pip install -q", True),
        ('subprocess.run(["git", "clone", "https://example.org/x"])', "git clone https://example.org/x", False),
        ('subprocess.run("curl -O https://example.org/x", shell=True)', "curl -O https://example.org/x", False),
        ('requests.get("https://example.org/x")', "requests.get", False),
        ('subprocess.run(["nvidia-smi"])', None, False),
        ('os.system("lrzip model.bin")', None, False),
    ],
)
def test_network_calls_are_told_from_other_commands(call: str, what: str | None, installs: bool) -> None:
    found = after_training(followed(script(f"\nimport os, subprocess, requests\n{call}\n")))
    assert [(e.what, e.installs, late) for e, late in found] == ([(what, installs, True)] if what else [])


def test_a_limit_that_the_documented_command_lifts_is_a_note() -> None:
    code = script(
        '\nlimit = int(os.environ.get("VAL_MAX_TOKENS", "500000"))\n'
        "bits = evaluate(model, val[:limit] if limit else val) / math.log(2.0)\nprint(f'final val_bpb:{bits:.6f}')\n"
    )
    files = {
        "README.md": "```bash\nVAL_MAX_TOKENS=0 torchrun --nproc_per_node=8 train_gpt.py\n```\n",
        "train_seed42.log": "seed:42\nfinal val_bpb:1.180000\n",
        "submission.json": '{"val_bpb": 1.18, "seeds": [42]}',
    }
    report = audit(submission(code, files), select=[subset_scoring.SLUG])
    assert [f.status for f in report.findings] == ["note"]


@pytest.mark.parametrize(("default", "status"), [("", None), (', "1"', "hold")])
def test_a_limit_of_a_smoke_test_counts_where_the_switch_is_on(default: str, status: str | None) -> None:
    code = script(
        f'\nusable = val.numel()\nif os.environ.get("SMOKE_TEST"{default}) == "1":\n'
        "    usable = min(usable, 1000000)\n"
        "bits = evaluate(model, val[:usable]) / math.log(2.0)\nprint(f'val_bpb:{bits:.6f}')\n"
    )
    report = audit(submission(code), select=[subset_scoring.SLUG])
    assert [f.status for f in report.findings] == ([status] if status else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('np.frombuffer(sp.decode(val.tolist()).encode("utf-8"), dtype=np.uint8)', []),
        ('np.frombuffer(sp.decode(val.tolist()).encode("utf-8"), dtype=np.uint16)', ["bits per token"]),
        ("np.array(other.encode(sp.decode(val.tolist())), dtype=np.int64)", ["bits per token"]),
    ],
)
def test_tokens_that_are_bytes_of_a_text_are_counted_as_bytes(text: str, found: list[str]) -> None:
    code = script(
        "\nimport sentencepiece as spm\nsp = spm.SentencePieceProcessor(model_file='a.model')\n"
        "other = spm.SentencePieceProcessor(model_file='b.model')\n"
        f"held = torch.from_numpy({text}.astype(np.int64))\n"
        "bits = evaluate(model, held) / math.log(2.0)\nprint(f'val_bpb:{bits}')\n"
    )
    kinds = [e.kind for e in followed(code).events if isinstance(e, Doubt) and e.reports]
    assert kinds == found
