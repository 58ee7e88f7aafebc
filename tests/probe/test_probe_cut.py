"""How runs are made small: switches, and loops of a constant length."""

import ast
from dataclasses import replace

from auditor.probe.cut import LEVELS, cut
from auditor.probe.harness.clock import Clock
from auditor.probe.harness.shorten import shortened
from auditor.smoke.plan import Plan

PLAN = Plan("train_gpt.py", (), {"MODEL_DIM": "512", "SEED": "1"}, "README.md:3", (), {}, 1, 0)
SOURCE = 'int(os.environ.get("ITERATIONS", 20000)), os.environ["MODEL_DIM"], os.environ.get("TRAIN_SEQ_LEN")'


def test_only_switches_that_the_text_names_are_set_and_ever_fewer():
    made = [cut(PLAN, SOURCE, level) for level in range(LEVELS)]
    assert dict(made[0].plan.environment) == {
        "MODEL_DIM": "64", "SEED": "1", "ITERATIONS": "2", "TRAIN_SEQ_LEN": "128"
    }  # fmt: skip
    assert made[2].plan.environment["MODEL_DIM"] == "512" and "TRAIN_SEQ_LEN=128" in made[2].told
    assert made[3].told == ("ITERATIONS=2",)


def test_what_is_off_or_smaller_stays_so():
    source = (
        'get("TTT_EPOCHS", "0"), get("ITERATIONS", 2), get("MODEL_DIM", 512), get("EVAL_STRIDE", 64), get("SEQ_LEN")'
    )
    made = cut(replace(PLAN, environment={"MODEL_DIM": "64", "SEQ_LEN": "one"}), source, 0)
    assert made.told == ("SEQ_LEN=128", "EVAL_STRIDE=96")
    on = cut(replace(PLAN, environment={"TTT_EPOCHS": "1_0"}), source, 3)
    assert on.told == ("TTT_EPOCHS=2",)


def test_what_begins_at_a_late_step_begins_unless_it_never_did():
    source = 'get("ITERATIONS", 20000), get("RECUR_START_STEP", {})'
    assert "RECUR_START_STEP=1" in cut(PLAN, source.format("3000"), 0).told
    assert cut(PLAN, source.format("20000"), 0).told == ("ITERATIONS=2",)


def test_a_run_that_only_evaluates_trains_too():
    assert cut(PLAN, 'get("EVAL_ONLY", "1")', 3).told == ("EVAL_ONLY=0",)
    assert cut(PLAN, 'get("EVAL_ONLY", "")', 3).told == cut(PLAN, 'get("EVAL_ONLY", "0")', 3).told == ()
    assert cut(replace(PLAN, environment={"TTT_ONLY": "1"}), 'get("TTT_ONLY", "0")', 0).told == ("TTT_ONLY=0",)


def test_what_begins_late_in_a_loop_that_is_cut_begins():
    text = b"""for step in range(1000):
    if step >= 800 or 5 < step or step % 100 == 99:
        swap()
    x.backward()
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 1: 1000 steps to 8", "line 2: step 800 to 6"]
    assert "step >= 6 or 5 < step or step % 100 == 99" in ast.unparse(tree)


def test_strides_are_long_where_sequences_can_t_be_short():
    stride = 'get("EVAL_STRIDE", "64")'
    assert cut(PLAN, f"seq_len = 1024\n{stride}", 0).told == ("EVAL_STRIDE=384",)
    assert cut(PLAN, f"seq_len = 128\n{stride}", 0).told == ("EVAL_STRIDE=96",)
    assert "EVAL_STRIDE=96" in cut(PLAN, f'seq_len = 1024\n{stride}, get("SEQ_LEN", 1024)', 0).told


def test_loops_that_learn_are_cut_and_others_are_not():
    text = b"""
def update(x):
    x.backward()

def train(data):
    for step in range(1000):
        update(data[step])
    for step in range(1000):
        print(step)
    for step in range(8):
        update(data[step])
    for step in range(0, 500):
        data.backward()
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 6: 1000 steps to 8", "line 12: 500 steps to 8"]
    assert "range(1000)" in ast.unparse(tree) and "range(0, 8)" in ast.unparse(tree)


def test_steps_that_a_call_a_default_or_a_constant_tells_are_cut_there():
    text = b"""
STEPS = 20_000
class Settings:
    rounds: int = 5000
def learn(net, data, steps=400, *, again=8):
    for step in range(steps):
        net(data[step]).backward()
class Trainer:
    def go(self, count):
        for step in range(count):
            x.backward()
for step in range(STEPS):
    x.backward()
for step in range(settings.rounds):
    x.backward()
chunks = len(data) // 128
for chunk in range(chunks):
    x.backward()
learn(net, data, 200)
learn(net, data, steps=100, again=3)
learn(net, data, 20)
Trainer().go(1000)
evaluate(net, 200)
"""
    tree, told = shortened(text, "t.py")
    cut_lines = {"line 2: 20000", "line 4: 5000", "line 5: 400", "line 19: 200", "line 20: 100", "line 22: 1000"}
    assert {each.removesuffix(" steps to 8") for each in told} == cut_lines
    made = ast.unparse(tree)
    assert "STEPS = 8" in made and "rounds: int = 8" in made and "steps=8, *, again=8" in made
    assert "learn(net, data, 8)\nlearn(net, data, steps=8, again=3)\nlearn(net, data, 20)\nTrainer().go(8)" in made
    assert "range(chunks)" in made and "evaluate(net, 200)" in made


def test_equal_steps_that_each_batch_takes_are_two():
    text = b"""
def evaluate(tokens, steps=8, rows=16):
    for at in range(0, len(tokens), 1024):
        for step in range(steps):
            fit(tokens[at]).backward()
        for row in range(rows):
            fit(tokens[at + row]).backward()
        for step in range(3):
            fit(tokens[at]).backward()
for step in range(30):
    x.backward()
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 2: 8 steps to 2"]
    assert "steps=2, rows=16" in ast.unparse(tree) and "range(30)" in ast.unparse(tree)


def test_steps_that_are_assigned_twice_stay():
    text = b"steps = 200\nsteps = 300\nfor step in range(steps):\n    x.backward()\n"
    assert shortened(text, "t.py")[1] == []


def test_what_waits_for_thousands_of_tokens_waits_for_hundreds():
    text = b"""
class Mixer:
    def __init__(self, min_tokens=10000, min_count=2000):
        self.total_tokens = 0
    def score(self, y):
        if self.total_tokens < 10_000 or 5000 >= tokens_seen:
            return None
        if self.total_tokens > 100 or loss > 5000 or total_tokens > 16_000_000 or step < 3000:
            return y
"""
    tree, told = shortened(text, "t.py")
    assert sorted(told) == [
        "line 3: min_tokens=10000 to 256", "line 6: tokens_seen of 5000 to 256", "line 6: total_tokens of 10000 to 256"
    ]  # fmt: skip
    assert "self.total_tokens < 256 or 256 >= tokens_seen" in ast.unparse(tree)
    assert cut(replace(PLAN, environment={}), 'int(get("MIXER_MIN_TOKENS", 10000))', 0).told == (
        "MIXER_MIN_TOKENS=256",
    )


def test_a_slow_average_that_is_written_out_is_made_quick():
    text = b"""
ema_decay = 0.997
def average(state, polyak_decay=0.998, weight_decay=0.95):
    pass
EMA(model, decay=0.9999, ema_start=0.5)
Adam(params, decay=0.99)
"""
    tree, told = shortened(text, "t.py")
    assert sorted(told) == [
        "line 2: ema_decay=0.997 to 0.5", "line 3: polyak_decay=0.998 to 0.5", "line 5: decay=0.9999 to 0.5"
    ]  # fmt: skip
    assert "weight_decay=0.95" in ast.unparse(tree) and "Adam(params, decay=0.99)" in ast.unparse(tree)


def test_strides_that_are_written_out_are_long_where_all_windows_are():
    text = b"""
def evaluate(tokens, length=1024, stride=64):
    pass
conv = Conv1d(8, 8, stride=2)
slide(tokens, eval_stride=256)
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 2: stride=64 to 384", "line 5: eval_stride=256 to 384"]
    assert "stride=2)" in ast.unparse(tree)
    assert shortened(text + b"def other(tokens, seq_len=128):\n    pass\n", "t.py")[1] == []
    assert shortened(b"def evaluate(tokens, stride=64):\n    pass\n", "t.py")[1] == []


def test_what_calibrates_takes_fewer_sequences_and_what_does_not_is_left():
    text = b"""
def calibrate(model, n_samples=256, seq_len=2048, *, num_batches: int = 8):
    pass

def evaluate(model, num_batches=500):
    pass

collect_hessians(model, num_batches=args.batches)
generate_autoregressive_calib(model, num_seqs=64, temperature=0.8)
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 2: n_samples=256 to 16", "line 9: num_seqs=64 to 2"]
    assert "n_samples=16, seq_len=2048, *, num_batches: int=8" in ast.unparse(tree)
    assert "num_batches=500" in ast.unparse(tree)


def test_each_level_is_less_cut_and_compiling_is_not_warmed_up_for():
    source = 'get("MODEL_DIM", 512), get("VOCAB_SIZE", 8192), get("WARMUP_STEPS", 20), get("EVAL_STRIDE", 64)'
    told = [cut(replace(PLAN, environment={}), source, level).told for level in range(LEVELS)]
    assert told[0] == ("WARMUP_STEPS=1", "EVAL_STRIDE=96", "MODEL_DIM=64", "VOCAB_SIZE=1024")
    assert told[1] == ("WARMUP_STEPS=1", "EVAL_STRIDE=96", "MODEL_DIM=128")
    assert told[2:] == [("WARMUP_STEPS=1", "EVAL_STRIDE=96"), ("WARMUP_STEPS=1",)]
    assert "WARMUP_STEPS=0" in cut(PLAN, f"{source}\nif args.warmup_steps > 0:", 0).told


def test_tables_that_are_hashed_into_are_as_full_as_real_ones():
    text = b"""
class Cache:
    BUCKETS = 4_194_304

    def __init__(self, num_buckets: int = 1 << 22, bigram_buckets=10240):
        self.hash_size = 2 ** 24
        self.buckets = num_buckets
        self.seen_buckets = 1 << 10
"""
    tree, told = shortened(text, "t.py")
    assert sorted(told) == [
        "line 3: BUCKETS=4194304 to 4096", "line 5: num_buckets=1 << 22 to 4096", "line 6: hash_size=2 ** 24 to 4096"
    ]  # fmt: skip
    made = ast.unparse(tree)
    assert "BUCKETS = 4096" in made and "num_buckets: int=1 << 12, bigram_buckets=10240" in made
    assert "self.hash_size = 2 ** 12" in made and "1 << 10" in made


def test_a_slow_average_of_the_weights_is_made_a_quick_one():
    assert cut(replace(PLAN, environment={}), 'float(get("EMA_DECAY", 0.9965))', 0).told == ("EMA_DECAY=0.5",)
    assert cut(replace(PLAN, environment={"EMA_DECAY": "0"}), 'float(get("EMA_DECAY", 0.9965))', 0).told == ()


def test_optimizers_that_step_in_turns_make_one_step_of_the_clock():
    clock, optimizers = Clock(), [object(), object(), object()]
    begun = clock.look()
    for _ in range(2):
        for each in optimizers:
            clock.stepped(each)
    assert 600 <= (clock.look() - begun) / 1e9 < 601
    alone = object()
    clock.stepped(alone)
    assert (clock.look() - begun) / 1e9 < 601
    for _ in range(5):
        clock.stepped(alone)
    assert 900 <= (clock.look() - begun) / 1e9 < 901


def test_chunks_that_a_whole_set_fits_into_are_cut():
    text = b"""
def score(tokens, chunk_tokens=131072, chunk_heads=65536, stride=64):
    pass

score(t, ngram_chunk_size=1_000_000, chunk=4096)
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 2: chunk_tokens=131072 to 1024", "line 5: ngram_chunk_size=1000000 to 1024"]
    assert "chunk_heads=65536" in ast.unparse(tree) and "chunk=4096" in ast.unparse(tree)
