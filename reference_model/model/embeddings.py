"""What tokens add besides their own embedding: hashed pairs, and values for some layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from reference_model.config import Model
from reference_model.model.linear import Linear


class BigramHash(nn.Module):
    """An embedding of the pair (previous token, token), hashed into ``bigram_buckets`` (#167, #1499).

    Collisions are part of the design: a table of all pairs would not fit the artifact. It reads inputs only, never a
    target.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.embed = nn.Embedding(model.bigram_buckets, model.bigram_dim)
        self.proj = Linear(model.bigram_dim, model.dim)
        self.scale = nn.Parameter(torch.tensor(0.05))
        self.normal = model.bigram_init == "normal"
        self.shrink = 1 / math.sqrt(2 * model.layers)

    def initialise(self) -> None:
        """Zero both (#167) or make them normal and orthogonal (#1499).

        With both zero the gradient of each is a product with the other: #167's table stays at zero for ever.
        """
        if self.normal:
            nn.init.normal_(self.embed.weight, std=0.02)
            nn.init.orthogonal_(self.proj.weight, gain=self.shrink)
        else:
            nn.init.zeros_(self.embed.weight)
            nn.init.zeros_(self.proj.weight)

    def buckets(self, tokens: Tensor, segments: Tensor | None) -> Tensor:
        """Return the bucket of each position (batch, seq): the last one where there is no previous token."""
        last = self.embed.num_embeddings - 1
        now = tokens.to(torch.int32)
        pairs = torch.bitwise_xor(36313 * now[:, 1:], 27191 * now[:, :-1]) % last
        if segments is not None:
            pairs = torch.where(segments[:, 1:] == segments[:, :-1], pairs, last)
        return nn.functional.pad(pairs, (1, 0), value=last)

    def forward(self, tokens: Tensor, segments: Tensor | None) -> Tensor:
        """Return (batch, seq, dim), to be added to the token embedding before its norm."""
        pairs: Tensor = self.proj(self.embed(self.buckets(tokens, segments)))
        return pairs * self.scale.to(pairs.dtype)


class ValueEmbed(nn.Module):
    """A narrow token table, widened to the values of some layers, each with a factor of its own (#1334)."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.layers = model.value_embed_layers
        self.embed = nn.Embedding(model.vocab_size, model.value_embed_dim)
        self.proj = Linear(model.value_embed_dim, model.kv_heads * (model.dim // model.heads))
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.layer_scales = nn.Parameter(torch.ones(len(self.layers)))

    def initialise(self) -> None:
        """Fill the table with N(0, 0.01) and make the projection orthogonal."""
        nn.init.normal_(self.embed.weight, std=0.01)
        nn.init.orthogonal_(self.proj.weight)

    def forward(self, tokens: Tensor) -> dict[int, Tensor]:
        """Return, for each block that has one, what is added to its values: (batch, seq, kv_heads * head_dim)."""
        values = self.proj(self.embed(tokens))
        values = values * self.scale.to(values.dtype)
        scales = self.layer_scales.to(values.dtype)
        return {block: values * scales[index] for index, block in enumerate(self.layers)}
