"""SP-1024 GPT, scored in sliding windows with score-first test-time training.

    torchrun --standalone --nproc_per_node=8 train_gpt.py
"""

from __future__ import annotations

import copy
import glob
import io
import math
import os
import random
import time
import zlib
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel as DDP


class Hyperparameters:
    # Data: SP-1024 shards of FineWeb, exported by the challenge's own script.
    data_path = os.environ.get("DATA_PATH", "./data/datasets/fineweb10B_sp1024")
    train_files = os.path.join(data_path, "fineweb_train_*.bin")
    val_files = os.path.join(data_path, "fineweb_val_*.bin")
    tokenizer_path = os.environ.get("TOKENIZER_PATH", "./data/tokenizers/fineweb_1024_bpe.model")
    seed = int(os.environ.get("SEED", 1337))

    # Training length: whichever comes first.
    iterations = int(os.environ.get("ITERATIONS", 20000))
    max_wallclock_seconds = float(os.environ.get("MAX_WALLCLOCK_SECONDS", 598.0))
    warmdown_iters = int(os.environ.get("WARMDOWN_ITERS", 3000))
    val_loss_every = int(os.environ.get("VAL_LOSS_EVERY", 4000))
    train_log_every = int(os.environ.get("TRAIN_LOG_EVERY", 1000))
    train_batch_tokens = int(os.environ.get("TRAIN_BATCH_TOKENS", 524_288))
    train_seq_len = int(os.environ.get("TRAIN_SEQ_LEN", 1024))

    # Model.
    vocab_size = int(os.environ.get("VOCAB_SIZE", 1024))
    num_layers = int(os.environ.get("NUM_LAYERS", 9))
    model_dim = int(os.environ.get("MODEL_DIM", 512))
    num_heads = int(os.environ.get("NUM_HEADS", 8))
    num_kv_heads = int(os.environ.get("NUM_KV_HEADS", 4))
    mlp_mult = int(os.environ.get("MLP_MULT", 2))
    logit_softcap = float(os.environ.get("LOGIT_SOFTCAP", 30.0))

    # Optimisation.
    learning_rate = float(os.environ.get("LEARNING_RATE", 0.002))
    weight_decay = float(os.environ.get("WEIGHT_DECAY", 0.01))
    ema_decay = float(os.environ.get("EMA_DECAY", 0.997))

    # Evaluation.
    eval_batch_seqs = int(os.environ.get("EVAL_BATCH_SEQS", 32))
    eval_stride = int(os.environ.get("EVAL_STRIDE", 64))

    # Test-time training: score a chunk, then learn from it.
    ttt_enabled = bool(int(os.environ.get("TTT_ENABLED", "1")))
    ttt_lr = float(os.environ.get("TTT_LR", 0.002))
    ttt_momentum = float(os.environ.get("TTT_MOMENTUM", 0.9))
    ttt_epochs = int(os.environ.get("TTT_EPOCHS", 3))
    ttt_chunk_tokens = int(os.environ.get("TTT_CHUNK_TOKENS", 32768))


# ----------------------------------------------------------------------------- data


def load_data_shard(path: str) -> Tensor:
    header = np.fromfile(path, dtype="<i4", count=256)
    if header[0] != 20240520 or header[1] != 1:
        raise ValueError(f"unexpected shard header in {path}")
    tokens = np.fromfile(path, dtype="<u2", count=int(header[2]), offset=256 * 4)
    return torch.from_numpy(tokens.astype(np.int32))


class TokenLoader:
    """Streams the training shards; every rank takes its own slice of each global batch."""

    def __init__(self, pattern: str, rank: int, world_size: int, device: torch.device):
        self.files = sorted(glob.glob(pattern))
        if not self.files:
            raise FileNotFoundError(pattern)
        self.rank, self.world_size, self.device = rank, world_size, device
        self.shard, self.at = 0, 0
        self.tokens = load_data_shard(self.files[0])

    def next_batch(self, batch_tokens: int, seq_len: int) -> tuple[Tensor, Tensor]:
        local = batch_tokens // self.world_size
        if self.at + batch_tokens + 1 > self.tokens.numel():
            self.shard = (self.shard + 1) % len(self.files)
            self.tokens, self.at = load_data_shard(self.files[self.shard]), 0
        start = self.at + self.rank * local
        chunk = self.tokens[start : start + local + 1].to(self.device, dtype=torch.int64)
        self.at += batch_tokens
        return chunk[:-1].view(-1, seq_len), chunk[1:].view(-1, seq_len)


def load_validation_tokens(pattern: str, seq_len: int) -> Tensor:
    files = sorted(glob.glob(pattern))
    if not files:
        raise FileNotFoundError(pattern)
    tokens = torch.cat([load_data_shard(file) for file in files])
    usable = (tokens.numel() - 1) // seq_len * seq_len
    return tokens[: usable + 1]


def build_byte_tables(path: str, vocab_size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Bytes per piece; whether it starts with a space; whether no text precedes what follows it."""
    sp = spm.SentencePieceProcessor(model_file=path)
    base = np.zeros(vocab_size, dtype=np.int16)
    space = np.zeros(vocab_size, dtype=np.bool_)
    boundary = np.ones(vocab_size, dtype=np.bool_)
    for token in range(min(vocab_size, sp.vocab_size())):
        if sp.is_control(token) or sp.is_unknown(token) or sp.is_unused(token):
            continue
        boundary[token] = False
        if sp.is_byte(token):
            base[token] = 1
            continue
        piece = sp.id_to_piece(token)
        space[token] = piece.startswith("\u2581")
        base[token] = len(piece.lstrip("\u2581").encode("utf-8"))
    return tuple(torch.from_numpy(table).to(device) for table in (base, space, boundary))


def count_bytes(inputs: Tensor, targets: Tensor, tables: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    base, space, boundary = tables
    return (base[targets].long() + (space[targets] & ~boundary[inputs]).long()).sum()


# ----------------------------------------------------------------------------- model


class Attention(nn.Module):
    def __init__(self, args: type[Hyperparameters]):
        super().__init__()
        dim, self.heads, self.kv_heads = args.model_dim, args.num_heads, args.num_kv_heads
        self.head_dim = dim // self.heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.kv = nn.Linear(dim, 2 * self.kv_heads * self.head_dim, bias=False)
        self.proj = nn.Linear(dim, dim, bias=False)
        freq = 10000.0 ** -(torch.arange(0, self.head_dim, 2).float() / self.head_dim)
        self.register_buffer("freq", freq, persistent=False)

    def rotate(self, x: Tensor) -> Tensor:
        angle = torch.outer(torch.arange(x.size(2), device=x.device).float(), self.freq)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos + b * sin, b * cos - a * sin), dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q = self.q(x).view(n, t, self.heads, self.head_dim).transpose(1, 2)
        k, v = self.kv(x).view(n, t, 2 * self.kv_heads, self.head_dim).transpose(1, 2).chunk(2, dim=1)
        q, k = self.rotate(F.rms_norm(q, (self.head_dim,))), self.rotate(F.rms_norm(k, (self.head_dim,)))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.proj(y.transpose(1, 2).reshape(n, t, d))


class Block(nn.Module):
    def __init__(self, args: type[Hyperparameters]):
        super().__init__()
        dim = args.model_dim
        self.attn = Attention(args)
        self.up = nn.Linear(dim, args.mlp_mult * dim, bias=False)
        self.down = nn.Linear(args.mlp_mult * dim, dim, bias=False)
        self.scales = nn.Parameter(torch.ones(2, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scales[0] * self.attn(F.rms_norm(x, (x.size(-1),)))
        return x + self.scales[1] * self.down(F.relu(self.up(F.rms_norm(x, (x.size(-1),)))).square())


class GPT(nn.Module):
    def __init__(self, args: type[Hyperparameters]):
        super().__init__()
        self.softcap = args.logit_softcap
        self.embed = nn.Embedding(args.vocab_size, args.model_dim)
        self.blocks = nn.ModuleList(Block(args) for _ in range(args.num_layers))
        nn.init.normal_(self.embed.weight, std=0.005)
        for block in self.blocks:
            nn.init.zeros_(block.attn.proj.weight)
            nn.init.zeros_(block.down.weight)

    def logits(self, inputs: Tensor) -> Tensor:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            x = self.embed(inputs)
            for block in self.blocks:
                x = block(x)
            logits = F.linear(F.rms_norm(x, (x.size(-1),)), self.embed.weight)
        return self.softcap * torch.tanh(logits.float() / self.softcap)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(self.logits(inputs).flatten(0, 1), targets.flatten())


# ----------------------------------------------------------------------------- artifact


def quantize(state: dict[str, Tensor]) -> bytes:
    """int8 with one scale per row for matrices, half precision for the rest, zlib over everything."""
    packed: dict[str, object] = {}
    for name, weight in state.items():
        weight = weight.detach().float().cpu()
        if weight.ndim == 2:
            scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-8) / 127.0
            packed[name] = ((weight / scale).round().to(torch.int8), scale.half())
        else:
            packed[name] = weight.half()
    raw = io.BytesIO()
    torch.save(packed, raw)
    return zlib.compress(raw.getvalue(), level=9)


def dequantize(blob: bytes) -> dict[str, Tensor]:
    packed = torch.load(io.BytesIO(zlib.decompress(blob)), map_location="cpu")
    return {
        name: value[0].float() * value[1].float() if isinstance(value, tuple) else value.float()
        for name, value in packed.items()
    }


# ----------------------------------------------------------------------------- evaluation


def finish(loss_sum: Tensor, token_count: Tensor, byte_count: Tensor, world_size: int) -> tuple[float, float]:
    """Nats per token and bits per byte over all ranks."""
    if world_size > 1:
        for total in (loss_sum, token_count, byte_count):
            dist.all_reduce(total)
    return (loss_sum / token_count).item(), (loss_sum / byte_count).item() / math.log(2.0)


def eval_val(args, model, rank, world_size, device, val_tokens, tables) -> tuple[float, float]:
    """Score the whole validation set in windows that don't overlap."""
    totals = torch.zeros(3, device=device, dtype=torch.float64)
    count = (val_tokens.numel() - 1) // args.train_seq_len
    model.eval()
    with torch.inference_mode():
        for first in range(rank * args.eval_batch_seqs, count, world_size * args.eval_batch_seqs):
            last = min(first + args.eval_batch_seqs, count)
            chunk = val_tokens[first * args.train_seq_len : last * args.train_seq_len + 1]
            chunk = chunk.to(device, dtype=torch.int64)
            x, y = chunk[:-1].view(-1, args.train_seq_len), chunk[1:].view(-1, args.train_seq_len)
            totals[0] += model(x, y).double() * y.numel()
            totals[1] += y.numel()
            totals[2] += count_bytes(x, y, tables)
    model.train()
    return finish(totals[0], totals[1], totals[2], world_size)


def sliding_windows(args, total: int) -> list[tuple[int, int]]:
    """(start, first scored position) of each window; every target is scored in exactly one of them.

    The token count is a multiple of the sequence length, and that of the stride, so that all windows are full.
    """
    skip = args.train_seq_len - args.eval_stride
    starts = range(args.eval_stride, total - args.train_seq_len + 1, args.eval_stride)
    return [(0, 0), *((start, skip) for start in starts)]


def eval_val_sliding(args, model, rank, world_size, device, val_tokens, tables) -> tuple[float, float]:
    """Score every token once, each with almost a full window of context before it."""
    totals = torch.zeros(3, device=device, dtype=torch.float64)
    seq_len = args.train_seq_len
    windows = sliding_windows(args, val_tokens.numel() - 1)[rank::world_size]
    model.eval()
    with torch.inference_mode():
        for first in range(0, len(windows), args.eval_batch_seqs):
            batch = windows[first : first + args.eval_batch_seqs]
            rows = torch.stack([val_tokens[start : start + seq_len + 1] for start, _ in batch])
            x, y = rows[:, :-1].to(device, dtype=torch.int64), rows[:, 1:].to(device, dtype=torch.int64)
            nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none").view_as(y)
            for row, (_, skip) in enumerate(batch):
                totals[0] += nll[row, skip:].double().sum()
                totals[1] += seq_len - skip
                totals[2] += count_bytes(x[row, skip:], y[row, skip:], tables)
    model.train()
    return finish(totals[0], totals[1], totals[2], world_size)


def eval_val_ttt(args, model, rank, world_size, device, val_tokens, tables) -> tuple[float, float]:
    """Sliding windows that learn: a chunk is scored first, and only then trained on.

    The score of a chunk is added to the total before any weight has seen it, and is never computed again.
    """
    totals = torch.zeros(3, device=device, dtype=torch.float64)
    total = val_tokens.numel() - 1
    seq_len, chunk_tokens = args.train_seq_len, args.ttt_chunk_tokens
    num_chunks = (total + chunk_tokens - 1) // chunk_tokens
    windows: list[list[tuple[int, int]]] = [[] for _ in range(num_chunks)]
    for start, skip in sliding_windows(args, total):
        windows[(start + skip) // chunk_tokens].append((start, skip))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.ttt_lr, momentum=args.ttt_momentum)

    for index in range(num_chunks):
        mine = windows[index][rank::world_size]
        model.eval()
        with torch.inference_mode():
            for first in range(0, len(mine), args.eval_batch_seqs):
                batch = mine[first : first + args.eval_batch_seqs]
                rows = torch.stack([val_tokens[start : start + seq_len + 1] for start, _ in batch])
                x, y = rows[:, :-1].to(device, dtype=torch.int64), rows[:, 1:].to(device, dtype=torch.int64)
                nll = F.cross_entropy(model.logits(x).flatten(0, 1), y.flatten(), reduction="none").view_as(y)
                for row, (_, skip) in enumerate(batch):
                    totals[0] += nll[row, skip:].double().sum()
                    totals[1] += seq_len - skip
                    totals[2] += count_bytes(x[row, skip:], y[row, skip:], tables)
        if index == num_chunks - 1:
            break  # nothing is left to score, so nothing is left to learn for

        model.train()
        starts = range(index * chunk_tokens, (index + 1) * chunk_tokens, seq_len)
        for _ in range(args.ttt_epochs):
            for at in starts[rank::world_size]:
                piece = val_tokens[at : at + seq_len + 1].to(device, dtype=torch.int64)
                optimizer.zero_grad(set_to_none=True)
                model(piece[None, :-1], piece[None, 1:]).backward()
                if world_size > 1:
                    for p in model.parameters():
                        dist.all_reduce(p.grad, op=dist.ReduceOp.AVG)
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
    return finish(totals[0], totals[1], totals[2], world_size)


# ----------------------------------------------------------------------------- main


def main() -> None:
    args = Hyperparameters
    rank = int(os.environ.get("RANK", 0))
    world_size = int(os.environ.get("WORLD_SIZE", 1))
    if 8 % world_size:
        raise ValueError(f"WORLD_SIZE={world_size} must divide 8")
    grad_accum_steps = 8 // world_size
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    if world_size > 1:
        dist.init_process_group("nccl", device_id=device)
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)

    def log(message: str) -> None:
        if rank == 0:
            print(message, flush=True)

    tables = build_byte_tables(args.tokenizer_path, args.vocab_size, device)
    val_tokens = load_validation_tokens(args.val_files, args.train_seq_len)
    loader = TokenLoader(args.train_files, rank, world_size, device)
    log(f"train_loader:dataset:{Path(args.data_path).name} train_shards:{len(loader.files)}")
    log(f"val_loader:shards pattern={args.val_files} tokens:{val_tokens.numel() - 1}")

    base_model = GPT(args).to(device)
    model = DDP(base_model, device_ids=[device.index]) if world_size > 1 else base_model
    optimizer = torch.optim.AdamW(
        base_model.parameters(), lr=args.learning_rate, betas=(0.9, 0.95), weight_decay=args.weight_decay, fused=True
    )
    ema = {name: p.detach().clone() for name, p in base_model.state_dict().items()}
    log(f"model_params:{sum(p.numel() for p in base_model.parameters())}")
    log(f"world_size:{world_size} grad_accum_steps:{grad_accum_steps}")
    log(f"train_batch_tokens:{args.train_batch_tokens} train_seq_len:{args.train_seq_len}")
    log(f"max_wallclock_seconds:{args.max_wallclock_seconds:.3f} seed:{args.seed}")

    training_ms = 0.0
    torch.cuda.synchronize()
    clock = time.perf_counter()
    step, stop = 0, False
    while True:
        last_step = stop or step == args.iterations
        if last_step or step % args.val_loss_every == 0:
            torch.cuda.synchronize()
            training_ms += 1000 * (time.perf_counter() - clock)
            val_loss, val_bpb = eval_val(args, base_model, rank, world_size, device, val_tokens, tables)
            log(
                f"step:{step}/{args.iterations} val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f} "
                f"train_time:{training_ms:.0f}ms step_avg:{training_ms / max(step, 1):.2f}ms"
            )
            torch.cuda.synchronize()
            clock = time.perf_counter()
        if last_step:
            if stop:
                log(f"stopping_early: wallclock_cap train_time:{training_ms:.0f}ms step:{step}/{args.iterations}")
            break

        scale = min(1.0, (args.iterations - step) / args.warmdown_iters)
        optimizer.param_groups[0]["lr"] = args.learning_rate * scale
        optimizer.zero_grad(set_to_none=True)
        for _ in range(grad_accum_steps):
            x, y = loader.next_batch(args.train_batch_tokens // grad_accum_steps, args.train_seq_len)
            loss = model(x, y) / grad_accum_steps
            loss.backward()
        optimizer.step()
        with torch.no_grad():
            for name, p in base_model.state_dict().items():
                ema[name].lerp_(p, 1 - args.ema_decay)
        step += 1
        elapsed = training_ms + 1000 * (time.perf_counter() - clock)
        if step <= 2 or step % args.train_log_every == 0:
            log(
                f"step:{step}/{args.iterations} train_loss:{loss.item() * grad_accum_steps:.4f} "
                f"train_time:{elapsed:.0f}ms step_avg:{elapsed / step:.2f}ms"
            )
        # All ranks must agree on when to stop.
        reached = torch.tensor(int(elapsed >= 1000 * args.max_wallclock_seconds), device=device)
        if world_size > 1:
            dist.all_reduce(reached, op=dist.ReduceOp.MAX)
        stop = bool(reached.item())

    base_model.load_state_dict(ema)

    blob = quantize(base_model.state_dict())
    code_bytes = len(Path(__file__).read_bytes())
    if rank == 0:
        Path("final_model.int8.ptz").write_bytes(blob)
    log(f"Serialized model int8+zlib: {len(blob)} bytes")
    log(f"Code size: {code_bytes} bytes")
    log(f"Total submission size int8+zlib: {len(blob) + code_bytes} bytes")

    eval_model = copy.deepcopy(base_model)
    eval_model.load_state_dict(dequantize(blob))
    torch.cuda.synchronize()
    clock = time.perf_counter()
    if args.ttt_enabled:
        label = "legal_ttt"
        val_loss, val_bpb = eval_val_ttt(args, eval_model, rank, world_size, device, val_tokens, tables)
    else:
        label = "final_int8_sliding_window"
        val_loss, val_bpb = eval_val_sliding(args, eval_model, rank, world_size, device, val_tokens, tables)
    torch.cuda.synchronize()
    eval_ms = 1000 * (time.perf_counter() - clock)
    log(f"{label} val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f} eval_time:{eval_ms:.0f}ms")
    log(f"{label}_exact val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f}")
    if world_size > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
