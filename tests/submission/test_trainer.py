from __future__ import annotations

from auditor.submission.trainer import choose, named_scripts, needs_texts, signs_of_a_trainer, trains

TRAINER = """
import torch
val_tokens = load("fineweb_val_*.bin")
train_loader = DataLoader("fineweb_train_*.bin")
for step in range(ITERATIONS):
    loss = model(x, y)
    loss.backward()
    optimizer.step()
print("val_bpb", val_bpb)
"""
EVALUATION = "import torch\nval_tokens = load('fineweb_val_*.bin')\nprint('val_bpb')\n"
PACKED = "import lzma, base64\nexec(lzma.decompress(base64.b85decode(DATA)))\n"


def test_the_default_name_wins_unread() -> None:
    sources = ("train_gpt.py", "train_other.py", "README_helper.py")
    assert not needs_texts(sources)
    choice = choose(sources, {}, [("README.md", "torchrun train_other.py")])
    assert choice.script == "train_gpt.py"
    assert choice.doubt == ""


def test_the_documented_command_decides_among_trainers() -> None:
    texts = {"train_a.py": TRAINER, "train_b.py": TRAINER, "evaluate.py": EVALUATION}
    readme = "First:\n```\npython evaluate.py\ntorchrun --standalone --nproc_per_node=8 train_b.py\n```"
    choice = choose(tuple(texts), texts, [("README.md", readme)])
    assert choice.script == "train_b.py"
    assert "README.md" in choice.doubt


def test_a_command_that_names_a_missing_file_decides_nothing() -> None:
    texts = {"trainer.py": TRAINER, "prepare_data.py": "print(1)"}
    choice = choose(tuple(texts), texts, [("run.sh", "torchrun train_gpt.py")])
    assert choice.script == "trainer.py"
    assert "only file that looks like a trainer" in choice.doubt


def test_a_guess_among_several_says_so() -> None:
    texts = {"train_v1.py": TRAINER, "train_v1_human.py": TRAINER, "tests/train_v1.py": TRAINER}
    choice = choose(tuple(texts), texts, [])
    assert choice.script == "train_v1.py"
    assert "a guess among 3 trainers" in choice.doubt


def test_a_nested_default_name_is_taken_before_a_guess() -> None:
    texts = {"code/train_gpt.py": TRAINER, "other.py": TRAINER}
    assert choose(tuple(texts), texts, []).script == "code/train_gpt.py"


def test_a_packed_script_counts_as_a_trainer() -> None:
    texts = {"submission_code.py": PACKED, "plot.py": "import matplotlib"}
    assert choose(tuple(texts), texts, []).script == "submission_code.py"


def test_nothing_like_a_trainer_is_no_script() -> None:
    texts = {"plot.py": "import matplotlib", "prepare.py": "open('x')"}
    choice = choose(tuple(texts), texts, [])
    assert choice.script is None
    assert "none of the 2 Python files" in choice.doubt
    assert choose(("kernel.cu",), {}, []).script is None


def test_signs_grow_with_what_a_trainer_does() -> None:
    assert signs_of_a_trainer("") == 0
    assert signs_of_a_trainer(EVALUATION) < signs_of_a_trainer(TRAINER)


def test_what_trains() -> None:
    assert trains("loss.backward()")
    assert trains("step = nn.value_and_grad(model, loss)")
    assert trains(PACKED)
    assert not trains(EVALUATION)
    assert not trains("import lzma\nlzma.decompress(x)")


def test_commands_are_read_over_continued_lines_and_options() -> None:
    text = "SEED=1 ITERATIONS=3 torchrun --nproc_per_node=8 \\\n  ./train_x.py --flag\n"
    text += "python3 -u tools/eval.py; python z.py"
    assert named_scripts(text) == ("train_x.py", "tools/eval.py", "z.py")


def test_what_trains_is_taken_before_what_only_talks_of_it() -> None:
    parser = "val_bpb = val_loss = train_loader = fineweb_val = MAX_WALLCLOCK_SECONDS = optimizer = 0\n"
    texts = {"scripts/sweep_all.py": parser, "models/mlx_enhanced.py": TRAINER}
    assert choose(tuple(texts), texts, []).script == "models/mlx_enhanced.py"
    guide = "python scripts/sweep_all.py && python models/mlx_enhanced.py"
    assert choose(tuple(texts), texts, [("run.sh", guide)]).script == "models/mlx_enhanced.py"
