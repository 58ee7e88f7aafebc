"""Adapting the model on validation tokens in a phase before they are scored."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.leaks import Leak, findings
from rules.torch_scripts import ADAPT, SCORE_FIRST, evaluating, scored

SLUG = "prequant-ttt"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    last = leak.report.site
    if leak.adapt.without_loss:
        return (
            "This is set from validation tokens, and the score of the same tokens that is reported at line "
            f"{last.line} is computed afterwards with it."
        )
    return (
        "The model is trained on validation tokens: parameters are changed here by their loss, and the score of the "
        f"same tokens that is reported at line {last.line} is computed afterwards with the adapted parameters."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each update on validation tokens that comes before their reported score."""
    yield from findings(case, "before", SLUG, say)


_HELPER = scored(ADAPT, "adapt(model, val, epochs=10)\n")

_INLINE = scored("""
epochs = int(os.environ.get("TTT_EPOCHS", 3))
if epochs > 0:
    micro = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    rows = (val.numel() - 1) // 1024
    for epoch in range(epochs):
        for row in torch.randperm(rows).tolist():
            piece = val[row * 1024:row * 1024 + 1025]
            micro.zero_grad(set_to_none=True)
            model(piece[:-1][None], piece[1:][None]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            micro.step()
""")

_TWO_DEEP = scored(
    """
def run_phase(net, data, steps, rate):
    params = list(net.parameters())
    opt = torch.optim.SGD(params, lr=rate)
    for step in range(steps):
        at = step * 1024
        opt.zero_grad()
        net(data[at:at + 1024][None], data[at + 1:at + 1025][None]).backward()
        opt.step()  # one step of a phase

def improve(net, data):
    for rate in (1e-3, 1e-4):
        run_phase(net, data, 200, rate)

def timed(work, *args):
    began = torch.cuda.Event(enable_timing=True)
    began.record()
    return work(*args)
""",
    "timed(improve, model, val)\n",
)

_CLOSURE = scored("""
if int(os.environ.get("FINETUNE", "1")):
    def phase(lr):
        def one(x, y):
            opt.zero_grad()
            model(x, y).backward()
            opt.step()

        opt = torch.optim.AdamW(model.head.parameters(), lr=lr)
        for at in range(0, val.numel() - 1025, 1024):
            one(val[at:at + 1024][None], val[at + 1:at + 1025][None])

    phase(1e-3)
""")

_MISNAMED = scored(
    '''
def score_first_ttt(model, tokens):
    """Score first, then adapt: legal."""
    seen = 0.0
    with torch.inference_mode():
        for at in range(0, tokens.numel() - 1025, 1024):
            seen += model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]).item()
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    for at in range(0, tokens.numel() - 1025, 1024):
        sgd.zero_grad()
        model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]).backward()
        sgd.step()
    print(f"first pass: {seen:.3f}")
''',
    "score_first_ttt(model, val)\n",
)

_LORA = evaluating("""
class Adapted(torch.nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.down = torch.nn.Parameter(torch.randn(64, 4) * 0.01)
        self.up = torch.nn.Parameter(torch.zeros(4, 1024))

    def forward(self, x, y):
        hidden = self.base.embed(x)
        logits = self.base.head(hidden) + hidden @ self.down @ self.up
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())

@torch.inference_mode()
def evaluate(model, tokens):
    lora = Adapted(model)
    small = torch.optim.Adam([lora.down, lora.up], lr=1e-3)
    with torch.inference_mode(False), torch.enable_grad():
        for step in range(8):
            loss = lora(tokens[:512].clone()[None], tokens[1:513].clone()[None])
            small.zero_grad()
            loss.backward()
            small.step()
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        total += lora(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]).item() * 1024
    return total / (tokens.numel() - 1)
""")

_MANUAL = scored(
    """
def sharpen(model, tokens, rate=1e-4):
    params = [p for p in model.parameters()]
    for at in range(0, tokens.numel() - 1025, 1024):
        loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p.sub_(rate * g)
""",
    "sharpen(model, val)\n",
)

_SWITCHED = "if int(os.environ.get('VAL_ADAPT', 'DEFAULT')):\n    adapt(model, val, epochs=2)\n"
_OFF = scored(ADAPT, _SWITCHED.replace("DEFAULT", "0"))

_LOGGED = scored(
    """
class Hyperparameters:
    val_adapt = bool(int(os.environ.get("VAL_ADAPT", "1")))
"""
    + ADAPT,
    """
args = Hyperparameters()
if args.val_adapt:
    adapt(model, val, epochs=2)
""",
)
_LOG = """\
seed:1337 world_size:8
val_adapt: False
step:1000/1000 train_loss:3.1 train_time:590000ms
val_bpb:1.180000
"""

_TRAIN_SLICE = scored(ADAPT, 'adapt(model, read("data/fineweb_train_*.bin")[-1_000_000:], epochs=3)\n')

_COPIED = scored(ADAPT, "probe = copy.deepcopy(model)\nadapt(probe, val[:4097], epochs=1)\ndel probe\n")

_RESTORED = scored(
    ADAPT,
    """
before = {name: value.clone() for name, value in model.state_dict().items()}
adapt(model, val[:4097], epochs=1)
model.load_state_dict(before)
""",
)

_UNCALLED = scored(ADAPT, "# adapt(model, val, epochs=10)\n")

RULE = Rule(
    slug=SLUG,
    title="Trained on validation tokens before scoring them",
    group="compliance",
    condition="C3",
    summary="A phase before the final evaluation takes optimizer steps on validation tokens; the reported score of "
    "these tokens is computed with the parameters that the phase left behind.",
    why="The score of a token must be fixed before anything learns from it. A model that has trained on the "
    "validation set remembers it, and its bits per byte no longer say how well it predicts unseen text. That the "
    "weights are frozen afterwards, or that the causal mask holds, does not change this.",
    advice="Adapt on a slice of the training data inside the 600 s of training, or score each chunk before "
    "adapting on it.",
    counterpart="Score-first test-time training: each chunk is scored without gradient and added to the sum, then "
    "trained on, never scored again (#549, #1413).",
    authority=(
        Authority(
            "README",
            "OpenAI",
            "2026",
            "official",
            "test-time training only on tokens that are already graded",
        ),
        Authority(
            "#152",
            "0hq",
            "2026-03",
            "official",
            "training on validation tokens before evaluating them; the causal mask is irrelevant",
        ),
        Authority(
            "#462",
            "valerio-oai",
            "2026-03",
            "official",
            "ttt_adapt(val_tokens) with optimizer.step runs before the final evaluation",
        ),
        Authority(
            "#771",
            "valerio-oai",
            "2026-03",
            "official",
            "multi-epoch adaptation on eval tokens, then reporting on them",
        ),
        Authority(
            "#1972",
            "cocohearts",
            "2026-05",
            "audit",
            "pre-quantisation test-time training on validation data; no leaderboard row",
        ),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("a helper with an epoch loop, called before the evaluation", _HELPER, "sgd.step()"),
        Example("written out in the script, guarded by a number of epochs", _INLINE, "micro.step()"),
        Example("two calls deep, through a function that is passed as an argument", _TWO_DEEP, "opt.step()"),
        Example("a closure inside a condition", _CLOSURE, "opt.step()"),
        Example("called score-first, with a first pass that is thrown away", _MISNAMED, "sgd.step()"),
        Example("a low-rank adapter on the first tokens only", _LORA, "small.step()"),
        Example("gradients taken and subtracted by hand", _MANUAL, "p.sub_("),
        Example(
            "off by default, on in the documented command",
            _OFF,
            "sgd.step()",
            files={"README.md": "# Example\n\n```bash\nVAL_ADAPT=1 torchrun --nproc_per_node=8 train_gpt.py\n```\n"},
        ),
        Example(
            "on by default, off in the log",
            _LOGGED,
            "sgd.step()",
            files={"train_seed1337.log": _LOG},
            status="hold",
        ),
    ),
    valid=(
        Example("each chunk is scored before it is trained on", evaluating(SCORE_FIRST)),
        Example("the same helper on a slice of the training data", _TRAIN_SLICE),
        Example("off by default", _OFF),
        Example("a copy is adapted and thrown away", _COPIED),
        Example("the parameters are restored before the evaluation", _RESTORED),
        Example("a helper that nothing calls", _UNCALLED),
    ),
    known_problems="Adaptation in library code, in another process or through computed attribute names cannot be "
    "followed; the report lists such places.",
)
