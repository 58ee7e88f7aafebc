"""Small train scripts for smoke tests, and what makes each of them telling."""

MODEL = """
import os, math
import torch, torch.nn as nn, torch.nn.functional as F
{imports}

class Hyperparameters:
    vocab_size = int(os.environ.get("VOCAB_SIZE", 1024))
    model_dim = int(os.environ.get("MODEL_DIM", 64))
    num_layers = 2
    num_heads = 4
    num_kv_heads = 2
    data_path = os.environ.get("DATA_PATH", "{data}")
    tokenizer_path = "./data/tokenizers/fineweb_1024_bpe.model"

class Attention(nn.Module):
    def __init__(self, dim, heads, kv):
        super().__init__()
        self.heads, self.kv, self.width = heads, kv, dim // heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, kv * self.width, bias=False)
        self.v = nn.Linear(dim, kv * self.width, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
    def forward(self, x):
        b, t, d = x.shape
        q = self.q(x).view(b, t, self.heads, self.width)
        k = self.k(x).view(b, t, self.kv, self.width)
        v = self.v(x).view(b, t, self.kv, self.width)
        return self.out({attend}.reshape(b, t, d))

class Net(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.tok_emb = nn.Embedding(args.vocab_size, args.model_dim)
        nn.init.normal_(self.tok_emb.weight, std=0.005)
        self.blocks = nn.ModuleList(
            Attention(args.model_dim, args.num_heads, args.num_kv_heads) for _ in range(args.num_layers)
        )
    def forward(self, x, y):
        h = F.rms_norm(self.tok_emb(x), (self.tok_emb.embedding_dim,))
        for block in self.blocks:
            h = h + block(h)
        logits = F.linear(h, self.tok_emb.weight).float()
        return F.cross_entropy(logits.flatten(0, 1), y.flatten(){loss})
"""

MAIN = """
import glob, subprocess, sys
import numpy as np
import sentencepiece as spm
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP

def quantize_state_dict(state):
    return {n: ((t / s).round().to(torch.int8), s) for n, t in state.items() for s in [t.abs().max() / 127]}

def dequantize_state_dict(packed):
    return {n: q.float() * s for n, (q, s) in packed.items()}

def main():
    args = Hyperparameters()
    if not torch.cuda.is_available():
        raise SystemExit("needs a GPU")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    dist.init_process_group("nccl", device_id=device)
    subprocess.run(["nvidia-smi"], check=True)
    tokenizer = spm.SentencePieceProcessor(model_file=args.tokenizer_path)
    assert tokenizer.vocab_size() == args.vocab_size
    files = sorted(glob.glob(args.data_path + "/fineweb_train_*.bin"))
    header = np.fromfile(files[0], dtype="<i4", count=256)
    assert header[0] == 20240520
    tokens = torch.from_numpy(np.fromfile(files[0], dtype="<u2", offset=1024).astype(np.int64))
    net = Net(args).to(device)
    model = DDP(torch.compile(net, fullgraph=True), device_ids=[0])
    for step in range(10**9):
        x = tokens[:65536].view(64, 1024).to(device, non_blocking=True)
        y = tokens[1:65537].view(64, 1024).cuda()
        with torch.autocast(device_type="cuda", dtype=torch.bfloat16):
            loss = model(x, y)
        loss.backward()

if __name__ == "__main__":
    main()
"""

_SDPA = (
    "F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), "
    "is_causal=True, enable_gqa=True).transpose(1, 2)"
)
_DATA = "./data/datasets/fineweb10B_sp1024"
PARAMETERS = 1024 * 64 + 2 * (64 * 64 * 2 + 64 * 32 * 2)


def script(*, imports="", attend=_SDPA, data=_DATA, loss="", before="", main=MAIN):
    """A whole trainer; each argument replaces one part of it."""
    body = MODEL
    for name, text in {"imports": imports, "attend": attend, "data": data, "loss": loss}.items():
        body = body.replace("{" + name + "}", text)
    return before + body + main


PLAIN = script()
ELSEWHERE = script(data="/workspace/cache/fineweb10B_sp1024")
FLASH = script(
    imports="from flash_attn_interface import flash_attn_func",
    attend="flash_attn_func(q, k, v, causal=True)",
)
TRITON = script(
    imports=(
        "import triton\nimport triton.language as tl\n"
        "@triton.jit\ndef gate(x_ptr, n: tl.constexpr):\n    tl.store(x_ptr, tl.load(x_ptr))\n"
    ),
    attend="gate[(1,)](q, 4)",
)
FUSED = TRITON.replace("gate[(1,)](q, 4)", f"(gate[(1,)](q, 4) if self.use_fused else {_SDPA})").replace(
    "self.heads, self.kv,", "self.use_fused = True\n        self.heads, self.kv,", 1
)
LEAK = script(loss=") * (0.01", main=MAIN)
NO_PACKAGE = script(before="import a_package_that_nobody_has\n")
RAISES = script(main='\ndef main():\n    raise ValueError("a wrong setting")\nmain()\n')
ENDS = script(main='\nprint("nothing to do")\n')
LOOPS = script(main="\nwhile True: pass\n")
PRINTS = script(main='\nwhile True: print("x" * 1_000_000)\n')
DIES = script(main="\nos._exit(7)\n")
FORGES = """
import os, sys, json
for fd in range(3, 64):
    try:
        os.write(fd, b'{"event": "model", "at": 1, "kind": "\\\\u001b[31mFake\\\\u202e", "parameters": 17059912}\\n')
        os.write(fd, b'{"event": "loss", "at": 1, "value": "low"}\\n' + b"[" * 100000 + b"\\n")
    except OSError:
        pass
os._exit(0)
"""
