"""What a training step of preset baseline costs, beside the challenge's own model at equal shapes and weights.

    python benchmarks/training_step.py --repo GIT_DIR [--rev main] [--rows 1] [--seq 1024] [--rounds 5] [--device cpu]

GIT_DIR is a clone of openai/parameter-golf. The model classes of its train_gpt.py at ``--rev`` are executed, and
nothing else of the file. Both networks start from the same weights and must agree on loss and gradients. A step is
forward and backward; steps of the two are interleaved. On a CPU in float32, by CPU time; on CUDA in bfloat16, compiled,
by events. Peak memory comes from a process of its own for each. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from reference_model import presets
from reference_model.config import Model
from reference_model.model import GPT
from reference_model.model.size import kv_dim
from reference_model.train.precision import place

MAX_RATIO = 1.05  # of the challenge's own step, in time
MAX_MEMORY = 1.05  # and in peak memory
AGREE = 2e-4  # largest relative difference of a gradient, float32
PEAK_FLOPS = 989e12  # dense bfloat16 of an H100 or H200
WANTED = {
    "CONTROL_TENSOR_NAME_PATTERNS",
    "RMSNorm",
    "CastedLinear",
    "restore_low_dim_params_to_fp32",
    "Rotary",
    "apply_rotary_emb",
    "CausalSelfAttention",
    "MLP",
    "Block",
    "GPT",
}


def published_classes(repo: str, rev: str) -> dict[str, Any]:
    """Return what the model of train_gpt.py at ``rev`` is made of; data, optimizers and main() stay unread."""
    command = ["git", "--git-dir", repo, "show", f"{rev}:train_gpt.py"]
    tree = ast.parse(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def wanted(node: ast.stmt) -> bool:
        names = [getattr(target, "id", "") for target in getattr(node, "targets", [])]
        return bool(WANTED & {getattr(node, "name", ""), *names})

    found: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor}
    exec("from __future__ import annotations\nimport os, math", found)
    exec(compile(ast.Module([node for node in tree.body if wanted(node)], []), "train_gpt.py", "exec"), found)
    return found


def their_model(found: dict[str, Any], model: Model) -> nn.Module:
    """Return the published network with the shapes of ``model``."""
    network: nn.Module = found["GPT"](
        vocab_size=model.vocab_size,
        num_layers=model.layers,
        model_dim=model.dim,
        num_heads=model.heads,
        num_kv_heads=model.kv_heads,
        mlp_mult=model.mlp_mult,
        tie_embeddings=True,
        tied_embed_init_std=0.005,
        logit_softcap=model.softcap,
        rope_base=model.rope_base,
        qk_gain_init=model.qk_gain,
    )
    return network


def their_name(name: str) -> str:
    """Return what the published network calls our parameter ``name``."""
    return name.removeprefix("skips.").replace(".controls.", ".")


def pair(options: argparse.Namespace) -> tuple[GPT, nn.Module]:
    """Return our network and theirs, with the same weights, on the device and in its dtypes."""
    model, device = presets.load("baseline").config.model, torch.device(options.device)
    torch.manual_seed(0)
    ours = GPT(model, options.seq)
    with torch.no_grad():
        for parameter in ours.parameters():  # outputs start at zero: gradients behind them would be zero too
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    found = published_classes(options.repo, options.rev)
    theirs = their_model(found, model)
    theirs.load_state_dict({their_name(name): tensor for name, tensor in ours.state_dict().items()})
    place(ours, device, torch.bfloat16 if device.type == "cuda" else torch.float32, published=True)
    theirs.to(device)
    if device.type == "cuda":
        theirs.bfloat16()
        for module in theirs.modules():
            if isinstance(module, found["CastedLinear"]):
                module.float()
        found["restore_low_dim_params_to_fp32"](theirs)
    return ours, theirs


def steps(ours: GPT, theirs: nn.Module, options: argparse.Namespace) -> dict[str, Callable[[], Tensor]]:
    """Return for each network the function that takes one training step and returns its loss."""
    generator = torch.Generator().manual_seed(1)
    shape = (options.rows, options.seq + 1)
    tokens = torch.randint(2, ours.model.vocab_size, shape, generator=generator).to(options.device)
    x, y = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    cuda = options.device == "cuda"
    compute: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"ours": ours.loss, "theirs": theirs}
    if cuda:
        compute = {name: torch.compile(function, dynamic=False) for name, function in compute.items()}

    def step(name: str, network: nn.Module) -> Tensor:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=cuda and name == "theirs"):
            loss = compute[name](x, y)
        loss.backward()
        return loss.detach()

    return {"ours": lambda: step("ours", ours), "theirs": lambda: step("theirs", theirs)}


def seconds(step: Callable[[], Tensor], *, cuda: bool) -> float:
    """Return what one step takes: CPU time, or time on the GPU."""
    if not cuda:
        start = time.process_time()
        step()
        return time.process_time() - start
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    step()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1000


def difference(ours: GPT, theirs: nn.Module) -> float:
    """Return the largest difference of a gradient, relative to the largest entry of the same tensor."""
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    worst = 0.0
    for name, parameter in ours.named_parameters():
        other = gradients[their_name(name)]
        assert parameter.grad is not None and other is not None, name
        worst = max(worst, float((parameter.grad - other).abs().max() / other.abs().max()))
    return worst


def utilisation(model: Model, tokens: float, seq: int) -> float:
    """Return the share of a GPU's peak that ``tokens`` per second of training use (6 flops a weight and token)."""
    block = 2 * model.dim**2 + 2 * model.dim * kv_dim(model) + 2 * model.mlp_mult * model.dim**2
    attention = 6 * seq * model.dim  # causal: half of the scores and of what is read with them
    flops = 6 * (model.layers * block + model.vocab_size * model.dim) + model.layers * attention
    return flops * tokens / PEAK_FLOPS


def peak(name: str, options: argparse.Namespace) -> int:
    """Return the peak memory (bytes) of two steps of one network in a process of its own."""
    command = [sys.executable, __file__, "--only", name]
    for option in ("repo", "rev", "rows", "seq", "device"):
        command += [f"--{option}", str(getattr(options, option))]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def print_peak(options: argparse.Namespace) -> None:
    """Print what two steps of one network add to the memory that the weights of both take."""
    step = steps(*pair(options), options)[options.only]
    if options.device == "cuda":
        step()
        step()
        print(torch.cuda.max_memory_allocated())
        return
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of building the networks
    before = resident("VmRSS")
    step()
    step()
    print(resident("VmHWM") - before)


def resident(field: str) -> int:
    """Return a memory figure of this process (bytes) as Linux keeps it; getrusage would tell the parent's peak too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def compare(options: argparse.Namespace) -> int:
    """Print both costs side by side; return 1 when a target is missed."""
    cuda = options.device == "cuda"
    ours, theirs = pair(options)
    both = steps(ours, theirs, options)
    losses = {name: float(step()) for name, step in both.items()}
    apart = difference(ours, theirs)
    print(f"loss {losses['ours']:.6f} and {losses['theirs']:.6f}; gradients differ by at most {apart:.1e}")
    times: dict[str, list[float]] = {name: [] for name in both}
    for turn in range(options.rounds):
        for name in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
            times[name].append(seconds(both[name], cuda=cuda))
    count = options.rows * options.seq
    for name in both:
        rate = count / median(times[name])
        busy = f", {utilisation(ours.model, rate, options.seq):.1%} of the peak" if cuda else ""
        print(f"{name:>7}: {1000 * median(times[name]):9.1f} ms a step, {rate:12,.0f} tokens/s{busy}")
    ratio = median(a / b for a, b in zip(times["ours"], times["theirs"], strict=True))
    memory = {name: peak(name, options) for name in both}
    share = memory["ours"] / memory["theirs"]
    print(f"time ratio {ratio:.3f} (target {MAX_RATIO}); peak memory {memory['ours'] / 2**20:,.0f} and ", end="")
    print(f"{memory['theirs'] / 2**20:,.0f} MiB, ratio {share:.3f} (target {MAX_MEMORY})")
    return int(ratio > MAX_RATIO or share > MAX_MEMORY or (not cuda and apart > AGREE))


def main() -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--rev", default="main")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--seq", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print_peak(options)
        return 0
    return compare(options)


if __name__ == "__main__":
    sys.exit(main())
