"""Hyperparameters: what the frames of the script hold, under the names that trainers give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import torch

from auditor.smoke.harness.blame import own

NAMES = {
    "vocab": ("vocab_size", "n_vocab", "vocab"),
    "dim": ("model_dim", "d_model", "n_embd", "hidden_size", "embed_dim", "dim"),
    "layers": ("num_layers", "n_layer", "n_layers", "num_unique_layers", "depth", "num_blocks"),
    "heads": ("num_heads", "n_head", "n_heads"),
    "kv_heads": ("num_kv_heads", "n_kv_head", "n_kv_heads", "kv_heads"),
    "sequence": ("train_seq_len", "seq_len", "sequence_length", "block_size", "max_seq_len"),
}
_MANY = 400


def hyperparameters(frame: FrameType | None, model: torch.nn.Module) -> dict[str, int]:
    """Return the numbers of :data:`NAMES`, as far as an object of the script or the model has them."""
    found: dict[str, int] = {}
    for holder in _holders(frame, model):
        values = _numbers(holder)
        hits = {kind: values[name] for kind, names in NAMES.items() for name in reversed(names) if name in values}
        if len(hits) >= 2:
            for kind, value in hits.items():
                found.setdefault(kind, value)
    for kind, value in _of(model).items():
        found.setdefault(kind, value)
    return found


def _holders(frame: FrameType | None, model: torch.nn.Module) -> Iterator[Any]:
    seen: set[int] = set()
    while frame is not None:
        if own(frame.f_code.co_filename):
            for scope in (frame.f_locals, frame.f_globals):
                if id(scope) in seen:
                    continue
                seen.add(id(scope))
                for value in list(scope.values())[:_MANY]:
                    if isinstance(value, type) or _is_plain(value):
                        yield value
                yield scope
        frame = frame.f_back
    yield model


def _is_plain(value: Any) -> bool:
    return hasattr(value, "__dict__") and not isinstance(value, torch.nn.Module | torch.Tensor) and not callable(value)


def _numbers(holder: Any) -> dict[str, int]:
    """Return an object's own whole numbers and its class's, without running a property of it."""
    out: dict[str, int] = {}
    if isinstance(holder, dict):
        scopes: list[Mapping[str, Any]] = [holder]
    else:
        kind = holder if isinstance(holder, type) else type(holder)
        scopes = [vars(base) for base in reversed(kind.__mro__) if base.__module__ != "builtins"]
        if not isinstance(holder, type):
            scopes.append(getattr(holder, "__dict__", {}))
    names = {name for group in NAMES.values() for name in group}
    for scope in scopes:
        for name in names & {key.lower() for key in scope if isinstance(key, str)}:
            value = scope.get(name, scope.get(name.upper()))
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**7:
                out[name] = value
    return out


def _of(model: torch.nn.Module) -> dict[str, int]:
    """Return the vocabulary and width of the largest embedding, and the length of the longest list of blocks."""
    tables = [m for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    out: dict[str, int] = {}
    if tables:
        named = [
            m for n, m in model.named_modules() if isinstance(m, torch.nn.Embedding) and n.endswith(("tok_emb", "wte"))
        ]
        table = named[0] if named else max(tables, key=lambda m: m.num_embeddings)
        out["vocab"], out["dim"] = table.num_embeddings, table.embedding_dim
    lists = [len(m) for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    if lists:
        out["layers"] = max(lists)
    return out
