"""A campaign of toys: submissions of ours that run, fail, hang and go over budget, beside the reference model's demo.

python toys.py FOLDER  writes them, and campaign.toml beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SCRIPT = """
import os, sys, time
import torch

seed = int(os.environ.get("SEED", "7"))
steps = int(os.environ.get("ITERATIONS", "20"))
torch.manual_seed(seed)
device = torch.device("cuda", 0)
model = torch.nn.Linear(16, 1).cuda()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
print(f"model_params:{sum(p.numel() for p in model.parameters())}")
print(f"seed:{seed} world_size:1")
before = time.time()
for step in range(1, steps + 1):
    x = torch.randn(64, 16, device=device)
    loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    print(f"step:{step}/{steps} train_loss:{loss.item():.4f} train_time:{(time.time() - before) * 1000:.0f}ms")
%s
score = %s + loss.item() / 1000
with open("final_model.int8.ptz", "wb") as file:
    file.write(os.urandom(%d))
print("Serialized model int8+zlib: %d bytes")
print(f"final_int8_zlib_roundtrip val_loss:{score * 3:.4f} val_bpb:{score:.4f} eval_time:120ms")
print(f"final_int8_zlib_roundtrip_exact val_loss:{score * 3:.8f} val_bpb:{score:.8f}")
"""
README = "# {name}\n\n```bash\nSEED=1 torchrun --standalone --nproc_per_node=8 train_gpt.py\n```\n"


def submission(
    root: Path, name: str, base: float, claims: dict[str, float], body: str = "", size: int = 400_000
) -> str:
    """Write a toy submission and return its path below ``root``."""
    folder = root / "records" / "track_10min_16mb" / f"2026-04-01_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train_gpt.py").write_text(SCRIPT % (body, base, size, size))
    (folder / "README.md").write_text(README.format(name=name))
    mean = sum(claims.values()) / len(claims)
    seeds = {seed: {"val_bpb": score} for seed, score in claims.items()}
    claim = {"name": name, "author": "a toy", "val_bpb": mean, "seed_results": seeds}
    (folder / "submission.json").write_text(json.dumps(claim))
    return str(folder.relative_to(root))


def toys(root: Path, timeout: int = 60) -> Path:
    """Write six submissions and the campaign about them; return the campaign's file."""
    names = [
        submission(root, "AsClaimed", 1.1000, {"11": 1.1010, "12": 1.1020}),
        submission(root, "BetterOnPaper", 1.1200, {"11": 1.0810, "12": 1.0830}),
        submission(root, "Fails", 1.1, {"11": 1.09, "12": 1.091}, "raise RuntimeError('out of luck')"),
        submission(root, "Hangs", 1.1, {"11": 1.2, "12": 1.21}, "time.sleep(100_000)"),
        submission(root, "TooLarge", 1.05, {"11": 1.0500, "12": 1.0510}, size=17_000_000),
    ]
    lines = ['name = "toys"', "seeds = 2", f"timeout = {timeout}", f'output = "{root / "out"}"']
    lines += ['budget = "train=60s,eval=60s"', ""]
    for name in names:
        lines += ["[[submission]]", f'path = "{name}"', ""]
    lines += [
        "[[submission]]",
        'preset = "demo"',
        'name = "baseline, toy size"',
        'set = ["schedule.iterations=20"]',
        "",
    ]
    file = root / "campaign.toml"
    file.write_text("\n".join(lines))
    return file


if __name__ == "__main__":
    print(toys(Path(sys.argv[1]).resolve()))
