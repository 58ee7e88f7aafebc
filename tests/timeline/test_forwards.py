"""Forwards that let a position read later ones, and those that only look like it."""

import pytest
from followed import followed

from auditor.timeline.trackers.forwards.forwards import Lookahead

MODEL = """
class Mixer(torch.nn.Module):
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.qkv = torch.nn.Linear(width, 3 * width)
        self.rnn = torch.nn.GRU(width, width // 2, batch_first=True{rnn})
        self.conv = torch.nn.Conv1d(width, width, {conv})
    def forward(self, x, mask=None):
        B, T, D = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q = q.view(B, T, 4, D // 4).transpose(1, 2)
        k = k.view(B, T, 4, D // 4).transpose(1, 2)
        v = v.view(B, T, 4, D // 4).transpose(1, 2)
        place = torch.arange(T, device=x.device)
        {body}
class Whole(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(64, 64)
        self.mixer = Mixer()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, ids, targets):
        return F.cross_entropy(self.head(self.mixer(self.embed(ids))).flatten(0, 1), targets.flatten())
net, val = Whole(), read("data/fineweb_val_*.bin")
net.eval()
total = 0.0
for at in range(0, val.numel() - 65, 64):
    total += net(val[at:at + 64][None], val[at + 1:at + 65][None]).item()
print(f"val_bpb:{{bits(total):.4f}}")
"""
OUT = "; return y.transpose(1, 2).reshape(B, T, D)"
BY_HAND = "w = q @ k.transpose(-2, -1) * 0.1; "


def ahead(body: str, conv: str = "3", rnn: str = "") -> list[tuple[str, bool]]:
    """Return what lets positions read later ones, and whether that is certain."""
    timeline = followed(MODEL.format(body=body, conv=conv, rnn=rnn))
    return [(event.what, event.certain) for event in timeline.events if isinstance(event, Lookahead)]


@pytest.mark.parametrize(
    ("body", "conv", "rnn"),
    [
        ("y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)" + OUT, "3", ""),
        ("y = F.scaled_dot_product_attention(q, k, v, is_causal=self.training)" + OUT, "3", ""),
        ("d = (place[:, None] - place[None, :]).abs(); y = F.scaled_dot_product_attention(q, k, v, attn_mask=d < 9)"
         + OUT, "3", ""),
        (BY_HAND + "m = torch.triu(torch.ones(T, T, dtype=torch.bool), diagonal=2); "
         "y = w.masked_fill(m, float('-inf')).softmax(-1) @ v" + OUT, "3", ""),
        (BY_HAND + "m = torch.tril(torch.ones(T, T), 1); "
         "y = torch.where(m > 0, w, -1e9).softmax(-1) @ v" + OUT, "3", ""),
        (BY_HAND + "m = torch.zeros(T, T).masked_fill((place[None] // 4) > (place[:, None] // 4), -1e9); "
         "y = (w + m).softmax(-1) @ v" + OUT, "3", ""),
        ("return x + self.conv(x.transpose(1, 2)).transpose(1, 2)", "3, padding=1", ""),
        ("return x + self.conv(x.transpose(1, 2)).transpose(1, 2)", "5, padding='same'", ""),
        ("return self.conv(F.pad(x.transpose(1, 2), (1, 1))).transpose(1, 2)", "kernel_size=3", ""),
        ("return x + self.rnn(x)[0]", "3", ", bidirectional=True"),
        ("return torch.minimum(x, torch.quantile(x, 0.99, dim=1, keepdim=True))", "3", ""),
        ("return x - x.kthvalue(3, 1, True).values", "3", ""),
        ("out = x\n        for i in range(4):\n            w, at = x.softmax(-1)[..., i].topk(4, dim=1)\n"
         "            out = out + w.sum(dim=1)[:, None, None]\n        return out", "3", ""),
    ],
)  # fmt: skip
def test_looks_ahead(body: str, conv: str, rnn: str) -> None:
    found = ahead(body, conv, rnn)
    assert found
    assert found[0][1]


@pytest.mark.parametrize(
    ("body", "conv"),
    [
        ("y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.allowed[:T, :T])" + OUT, "3"),
        ("d = place[:, None] - place[None, :]; "
         "y = F.scaled_dot_product_attention(q, k, v, attn_mask=(d >= 0) & (d < 9))" + OUT, "3"),
        ("m = torch.full((T, T), float('-inf')).triu(1); "
         "y = F.scaled_dot_product_attention(q, k, v, attn_mask=m)" + OUT, "3"),
        (BY_HAND + "m = torch.tril(torch.ones(T, T))[None, None]; "
         "y = w.masked_fill(m == 0, -1e9).softmax(-1) @ v" + OUT, "3"),
        (BY_HAND + "d = place[None] - place[:, None]; w = w.masked_fill(d.abs() > 9, -1e9).masked_fill(d > 0, -1e9); "
         "y = w.softmax(-1) @ v" + OUT, "3"),
        ("w = (q @ k.mT) * D ** -0.5; w = w + self.bias_of(T); y = w.softmax(-1) @ v" + OUT, "3"),
        ("return x + self.conv(F.pad(x.transpose(1, 2), (2, 0))).transpose(1, 2)", "3"),
        ("return x + self.conv(x.transpose(1, 2))[..., :T].transpose(1, 2)", "3, padding=2"),
        ("return x + F.pad(self.conv(x.transpose(1, 2)), (2, 0)).transpose(1, 2)", "3"),
        ("h = torch.cat([torch.zeros(B, 2, D), x], dim=1); return self.conv(h.transpose(1, 2)).transpose(1, 2)", "3"),
        ("return x + self.rnn(x)[0]", "3"),
        ("shape = (x.size(-1),); dims = tuple(range(-len(shape), 0)); "
         "return x * x.pow(2).mean(dims, keepdim=True).rsqrt()", "3"),
        ("shape = x.shape[-1:]; return x - x.mean(tuple(range(-len(shape), 0)), keepdim=True)", "3"),
    ],
)  # fmt: skip
def test_looks_back(body: str, conv: str) -> None:
    assert not ahead(body, conv)


def test_a_softmax_over_stacked_layers_looks_back() -> None:
    assert not ahead(
        "h = [x, self.qkv(x)[..., :D]]; w = torch.stack(h, dim=2).sum(-1).softmax(-1); return x * w[..., :1]"
    )


@pytest.mark.parametrize(
    "body",
    [
        "f = torch.fft.rfft(x, n=2 * T, dim=1) * torch.fft.rfft(self.kernel(T), n=2 * T, dim=0)[None]; "
        "return torch.fft.irfft(f, n=2 * T, dim=1)[:, :T]",
        "f = torch.fft.rfft(F.pad(x, (0, 0, 0, T)), dim=1); return torch.fft.irfft(f * self.kernel(T), dim=1)[:, :T]",
    ],
)
def test_what_a_padded_transform_does_is_not_certain(body: str) -> None:
    """A causal convolution, if the kernel is no longer than the window and the cut is right."""
    assert ahead(body) == [("a Fourier transform over the positions", False)]


CONVOLVED = (
    "u = x.transpose(1, 2); n = KERNEL; k = torch.exp(-self.rate[:, None] * n[None]) * torch.cos(n)\n"
    "        f = torch.fft.rfft(u, n=2 * T) * torch.fft.rfft(k.float(), n=WHOLE).unsqueeze(0)\n"
    "        return torch.fft.irfft(f, n=2 * T, dim=-1)CUT.transpose(1, 2)"
)


@pytest.mark.parametrize(
    ("kernel", "whole", "cut", "causal"),
    [
        ("torch.arange(T)", "2 * T", "[..., :T]", True),
        ("torch.arange(T)", "2 * T", "[:, :, :T]", True),
        ("torch.arange(T, device=x.device) / 8.0", "2 * T", "[..., :T]", True),
        ("torch.arange(T)", "2 * T", "[..., T:]", False),
        ("torch.arange(T)", "2 * T", "[..., 1:T + 1]", False),
        ("torch.arange(2 * T)", "2 * T", "[..., :T]", False),
        ("torch.arange(T)", "T", "[..., :T]", False),
        ("self.rate", "2 * T", "[..., :T]", False),
    ],
)
def test_a_convolution_by_transforms_is_causal_where_its_kernel_is_no_longer_than_the_window(
    kernel: str, whole: str, cut: str, causal: bool
) -> None:
    body = CONVOLVED.replace("KERNEL", kernel).replace("WHOLE", whole).replace("CUT", cut)
    assert (ahead(body) == []) is causal


@pytest.mark.parametrize("transform", ["torch.fft.fft(x, n=T, dim=1).real", "torch.fft.fft(x, dim=1).real"])
def test_a_transform_of_the_window_looks_ahead(transform: str) -> None:
    assert ahead(f"return {transform}") == [("a Fourier transform over the positions", True)]


@pytest.mark.parametrize(
    "body",
    [
        "def unit(h, dim=-1):\n            return F.normalize(h, p=2, dim=dim)\n        return unit(x)",
        "left = torch.ones(B, T, 1); w = torch.min(x[..., :1].sigmoid(), left); return x * w",
    ],
)
def test_defaults_and_minima_of_two_tensors_look_back(body: str) -> None:
    assert not ahead(body)


UNMASKED = "y = F.scaled_dot_product_attention(q, k, v)" + OUT
BOUND = """
def bound(net, ids):
    picked = {picked}
    {replaced}
    logits = net.logits(noised)
    loss = -torch.log_softmax(logits, -1).gather(-1, ids[..., None]).squeeze(-1)
    return ({counted}).sum()
"""
WHERE = "noised = torch.where(picked, 63, ids)"
PICKED = "torch.rand(ids.shape) < 0.3"


def bounds(picked: str, replaced: str, counted: str) -> list[bool]:
    """Return, for each place where a denoiser looks ahead, whether its score counts where tokens were replaced."""
    script = MODEL.format(body=UNMASKED, conv="3", rnn="").replace(
        "net(val[at:at + 64][None], val[at + 1:at + 65][None])", "bound(net, val[at:at + 64][None])"
    )
    script = script.replace(
        "    def forward(self, ids, targets):",
        "    def logits(self, ids):\n        return self.head(self.mixer(self.embed(ids)))\n"
        "    def forward(self, ids, targets):",
    )
    said = BOUND.format(picked=picked, replaced=replaced, counted=counted)
    events = followed(script.replace("net, val =", said + "net, val =")).events
    found = [event for event in events if isinstance(event, Lookahead)]
    assert found
    assert not any(event.certain for event in found)
    return [bool(event.bounds) for event in found]


@pytest.mark.parametrize(
    ("picked", "replaced", "counted"),
    [
        (PICKED, WHERE, "loss * picked"),
        (PICKED, WHERE, "2.0 * loss * (noised == 63).float()"),
        (PICKED, WHERE, "loss[picked]"),
        (PICKED, WHERE, "torch.where(picked, loss, 0.0)"),
        (PICKED, "noised = torch.where(~picked, ids, 63)", "loss.masked_fill(~picked, 0.0)"),
        ("torch.bernoulli(torch.full(ids.shape, 0.5)).bool()", "noised = ids.masked_fill(picked, 63)", "picked * loss"),
        ("torch.rand_like(ids.float()) < 0.3", "noised = ids.clone(); noised[picked] = 63", "loss[noised == 63]"),
    ],
)
def test_a_bound_that_counts_where_tokens_were_replaced(picked: str, replaced: str, counted: str) -> None:
    assert all(bounds(picked, replaced, counted))


@pytest.mark.parametrize(
    ("picked", "replaced", "counted"),
    [
        (PICKED, WHERE, "loss"),
        (PICKED, WHERE, "loss * ~picked"),
        (PICKED, WHERE, "loss * (noised != 63)"),
        (PICKED, WHERE, "torch.where(picked, 0.0, loss)"),
        (PICKED, "noised = torch.where(picked, ids, 63)", "loss * picked"),
        (PICKED, "noised = torch.where(picked, ids, ids)", "loss * picked"),
        (PICKED, "noised = ids + 0 * picked", "loss * picked"),
        (PICKED, WHERE, "loss * (torch.rand(ids.shape) < 0.3)"),
    ],
)
def test_a_denoiser_that_counts_elsewhere(picked: str, replaced: str, counted: str) -> None:
    assert not any(bounds(picked, replaced, counted))


def test_numbers_of_axes_that_are_worked_out() -> None:
    """``range`` counts down to the positions, too; a number that isn't known leaves it open."""
    body = "shape = x.shape[SIZES]; return x - x.mean(tuple(range(-len(shape), 0)), keepdim=True)"
    assert ahead(body.replace("SIZES", "1:")) == [("a mean over the positions", True)]
    assert ahead(body.replace("SIZES", "self.first:")) == [("a mean over the positions", False)]


def test_a_norm_is_not_asked_for_tokens() -> None:
    """A module that is given hidden states, whose axes nobody wrote down, tells nothing."""
    script = MODEL.format(body="return self.norm(x)", conv="3", rnn="").replace(
        "class Whole",
        "class Norm(torch.nn.Module):\n    def forward(self, h):\n        return h * torch.rsqrt("
        "h.pow(2).mean(dim=-1, keepdim=True))\nclass Whole",
    )
    script = script.replace(
        "total += net(val[at:at + 64][None], val[at + 1:at + 65][None]).item()",
        "h = Norm()(net.embed(val[at:at + 64][None])); "
        "total += F.cross_entropy(net.head(h).flatten(0, 1), val[at + 1:at + 65]).item()",
    )
    assert not [event for event in followed(script).events if isinstance(event, Lookahead)]


LOOPED = """
class Looped(torch.nn.Module):
    def __init__(self, rounds=1):
        super().__init__()
        self.embed = torch.nn.Embedding(64, 64)
        self.guided = int(os.environ.get("GUIDED", "{guided}")) != 0
        self.rounds = int(os.environ.get("ROUNDS", "3"))
        self.guide = torch.nn.Linear(64, 64)
        self.head = torch.nn.Linear(64, 64)
    def hidden(self, ids, *, guided=None):
        x = self.embed(ids)
        guided = self.guided if guided is None else bool(guided)
        {body}
    def outputs(self, ids, *, guided=None):
        return self.head(self.hidden(ids, guided=guided))
net, val = Looped(), read("data/fineweb_val_*.bin")
total = 0.0
for at in range(0, val.numel() - 65, 64):
    on = bool(getattr(net, "guided", False))
    logits = net.outputs(val[at:at + 64][None], guided=on)
    total += F.cross_entropy(logits.flatten(0, 1), val[at + 1:at + 65]).item()
print(f"val_bpb:{{bits(total):.4f}}")
"""
ROUNDS = """rounds = self.rounds if guided else 1
        for r in range(rounds):
            if rounds > 1 and r > 0:
                x = x + self.guide(x.mean(dim=1))[:, None]
        return x"""
COUNTED = """r = 0
        for block in self.head.children():
            if r > 0:
                x = x + self.guide(x.mean(dim=1))[:, None]
            r += 1
        return x"""


@pytest.mark.parametrize(("body", "guided", "found"), [(ROUNDS, 0, 0), (ROUNDS, 1, 1), (COUNTED, 0, 1)])
def test_what_is_given_by_name_decides_which_rounds_are_made(body: str, guided: int, found: int) -> None:
    timeline = followed(LOOPED.format(body=body, guided=guided))
    assert sum(isinstance(event, Lookahead) for event in timeline.events) == found


@pytest.mark.parametrize(
    ("seen", "certain"),
    [("torch.where(torch.sin(torch.arange(64) * 12.9) > 0.3, 63, ids)", False),
     ("ids.masked_fill(torch.sin(torch.arange(64) * 12.9) > 0.3, 63)", False), ("ids", True)],
)  # fmt: skip
def test_a_model_that_hides_tokens_may_not_know_them(seen: str, certain: bool) -> None:
    body = "y = F.scaled_dot_product_attention(q, k, v)" + OUT
    model = MODEL.format(body=body, conv="3", rnn="").replace("self.embed(ids)", f"self.embed({seen})")
    found = [event.certain for event in followed(model).events if isinstance(event, Lookahead)]
    assert found
    assert set(found) == {certain}


@pytest.mark.parametrize(
    "body",
    [
        # what a tensor of another shape masks, along an axis of one, is not certain
        "m = (x[..., 0].unsqueeze(1).unsqueeze(1) == self.table).float(); return x + m.sum(-1).mean(-1, keepdim=True)",
        # the equation says that the last axis is the states' own
        "s = torch.einsum('bskp,bpd->bskd', (x[..., 0].unsqueeze(1).unsqueeze(1) == self.table).float(), x); "
        "return x + (s * x.unsqueeze(2)).sum(-1)",
    ],
)
def test_what_another_shape_comes_into_is_not_certain(body: str) -> None:
    assert not any(certain for _, certain in ahead(body))
