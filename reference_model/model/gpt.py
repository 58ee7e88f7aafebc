"""The language model: embed the tokens, run the blocks of a stage, predict the next token."""

from __future__ import annotations

from functools import partial
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from reference_model.config import Model, Qat
from reference_model.model.block import Block, Controls
from reference_model.model.context import Adapt, Context, Tables, Visit, document_mask
from reference_model.model.embeddings import BigramHash, ValueEmbed
from reference_model.model.gates import GatedSmear, StaticSmear
from reference_model.model.kernels import document_blocks
from reference_model.model.linear import Linear, initialise
from reference_model.model.loss import softcap, softcapped_cross_entropy
from reference_model.model.parallel import LambdaLanes, Lanes
from reference_model.model.recurrence import Stage, final_stage, skip_rows
from reference_model.model.rope import Rope
from reference_model.model.signals import Signals
from reference_model.model.skips import Skips

BOS = 1
"""Every document starts with this token."""

Role = Literal["embed", "matrix", "scalar"]


class GPT(nn.Module):
    """The network that ``model`` describes, trained on rows of ``seq_len`` tokens.

    Parameters start from torch's global random state, in float32, on the CPU. The embedding is also the output head.
    """

    def __init__(self, model: Model, seq_len: int) -> None:
        super().__init__()
        self.model, self.last = model, final_stage(model)
        self.tok_emb = nn.Embedding(model.vocab_size, model.dim)
        self.rope = Rope(
            model.rope_dims or model.dim // model.heads, model.rope_base, seq_len, rescale=model.rope_rescale
        )
        self.bigram = BigramHash(model) if model.bigram_buckets else None
        self.value_embed = ValueEmbed(model) if model.value_embed_dim else None
        self.smear = _smear(model)
        self.signals = Signals(model) if model.recurrence.kind == "shared" else None
        self.skips = Skips(skip_rows(model), model.dim, gated=model.skips == "gated") if skip_rows(model) else None
        self.blocks = nn.ModuleList(Block(model, index) for index in range(model.layers))
        virtual = model.recurrence.virtual_layers if model.recurrence.per_virtual_controls else 0
        self.virtual_controls = nn.ModuleList(Controls(model) for _ in range(virtual))
        self.lanes = _lanes(model)
        self._initialise()

    def forward(
        self, tokens: Tensor, *, stage: Stage | None = None, segments: Tensor | None = None, adapt: Adapt | None = None
    ) -> Tensor:
        """Return logits (batch, seq, vocab), float32, softcapped, for ``tokens`` (batch, seq) int64.

        ``stage`` is the way through the blocks (None: that of evaluation). ``segments`` (batch, seq) is the document
        of each position, or the part of it where a long one is cut: attention and hashed pairs don't reach across a
        change. The smear stops at a document's bos only. ``adapt`` adds to the outputs of linear layers, see
        :data:`reference_model.model.context.Adapt`.
        """
        hidden = self.hidden(tokens, stage=stage, segments=segments, adapt=adapt)
        return softcap(self.projected(hidden, adapt), self.model.softcap, in_float=self.model.softcap_in_float)

    def loss(
        self,
        tokens: Tensor,
        targets: Tensor,
        *,
        stage: Stage | None = None,
        segments: Tensor | None = None,
        adapt: Adapt | None = None,
        reduction: Literal["mean", "none"] = "mean",
    ) -> Tensor:
        """Return the cross-entropy of ``targets`` (batch, seq) in nats, float32: the mean, or (batch, seq)."""
        hidden = self.hidden(tokens, stage=stage, segments=segments, adapt=adapt)
        logits = self.projected(hidden, adapt).flatten(0, 1)
        model = self.model
        losses = softcapped_cross_entropy(logits, targets.flatten(), model.softcap, in_float=model.softcap_in_float)
        return losses.mean() if reduction == "mean" else losses.view_as(targets)

    def hidden(
        self, tokens: Tensor, *, stage: Stage | None = None, segments: Tensor | None = None, adapt: Adapt | None = None
    ) -> Tensor:
        """Return (batch, seq, dim) after the final norm; arguments as in :meth:`forward`."""
        stage = stage or self.last
        x = self.embedded(tokens, segments)
        context = Context(x0=x, rope=self._rope(tokens.shape[1], x.dtype, stage), adapt=adapt)
        if segments is not None:
            flex = segments.is_cuda and torch.compiler.is_compiling() and self.model.xsa != "diagonal"
            context.block_mask = document_blocks(segments) if flex else None
            context.mask = None if flex else document_mask(segments)
        if self.value_embed is not None:
            context.values = self.value_embed(tokens)
        x = self._run(x, tokens, context, stage)
        return F.rms_norm(x, (x.shape[-1],))

    def embedded(self, tokens: Tensor, segments: Tensor | None) -> Tensor:
        """Return the normalised embedding (batch, seq, dim) that the first block reads and resid_mix returns to."""
        x: Tensor = self.tok_emb(tokens)
        if self.bigram is not None:
            x = x + self.bigram(tokens, segments)
        if isinstance(self.smear, GatedSmear):
            x = self.smear(x, self._same_document(tokens))
        x = F.rms_norm(x, (x.shape[-1],))
        if isinstance(self.smear, StaticSmear):
            x = self.smear(x, self._same_document(tokens))
        return x

    def projected(self, hidden: Tensor, adapt: Adapt | None = None) -> Tensor:
        """Return logits (batch, seq, vocab) before the softcap, in the dtype of ``hidden`` (batch, seq, dim)."""
        logits = F.linear(hidden, self.tok_emb.weight)
        delta = adapt("head", -1, hidden) if adapt is not None else None
        return logits if delta is None else logits + delta

    def roles(self) -> dict[str, Role]:
        """Return for every parameter how it is trained: token table, matrix (Muon) or the small rest."""
        tables = {id(module.weight) for module in self.modules() if isinstance(module, nn.Embedding)}
        matrices = {id(module.weight) for module in self.modules() if isinstance(module, Linear)}
        return {
            name: "embed" if id(parameter) in tables else "matrix" if id(parameter) in matrices else "scalar"
            for name, parameter in self.named_parameters()
        }

    def train_quantized(self, qat: Qat | None) -> None:
        """Let training see weights as ``qat`` rounds them, from the next forward pass on; None: as they are."""
        for name, module in self.named_modules():
            if isinstance(module, Linear):
                levels = 0 if qat is None else qat.mlp_levels if ".mlp." in name else qat.levels
                module.fake_levels = levels if qat is not None and module.weight.numel() > qat.least_numel else 0

    def _run(self, x: Tensor, tokens: Tensor, context: Context, stage: Stage) -> Tensor:
        """Return the residual stream (batch, seq, dim) after every block of ``stage`` has run."""
        values = self.signals.values(tokens) if self.signals is not None else []
        outputs: dict[int, Tensor] = {}  # by block: what it put out last
        left: list[Tensor] = []  # outputs of the first half that no skip has taken yet
        lanes: tuple[Tensor, Tensor] | None = None
        for layer, (index, turn) in enumerate(zip(stage.blocks, stage.passes, strict=True)):
            block = cast(Block, self.blocks[index])
            visit = Visit(layer, turn, self._excludes(index, layer, stage), self._controls(block, layer, stage))
            if self.signals is not None:
                x = self.signals(x, layer, values, outputs.get(index))
            join = partial(self._join, row=layer - stage.encoder, left=left, stage=stage)
            if self.lanes is not None and layer >= stage.encoder and index >= self.model.parallel_from:
                lanes = self.lanes.split(x, join) if lanes is None else self.lanes.joined(lanes, join)
                lanes = self.lanes(lanes, block, context, visit)
                continue
            x = block(join(x), context, visit)
            if layer < stage.encoder:
                left.append(x)
            if self.signals is not None:
                outputs[index] = x
        return x if lanes is None or self.lanes is None else self.lanes.merged(lanes)

    def _join(self, x: Tensor, *, row: int, left: list[Tensor], stage: Stage) -> Tensor:
        return x if self.skips is None or not 0 <= row < stage.decoder else self.skips(x, row, left)

    def _excludes(self, block: int, layer: int, stage: Stage) -> bool:
        """Return whether XSA is on: counted over executed layers when blocks are shared, else over blocks."""
        if self.model.xsa == "none":
            return False
        if self.model.recurrence.kind == "shared":
            return layer >= stage.depth - self.model.xsa_last
        return block >= self.model.layers - self.model.xsa_last

    def _controls(self, block: Block, layer: int, stage: Stage) -> Controls:
        if block.controls is not None:
            return block.controls
        count = len(self.virtual_controls)
        # Extra decoder passes of an evaluation use the controls of the decoder once more.
        index = layer if layer < count else stage.encoder + (layer - count) % stage.decoder
        return cast(Controls, self.virtual_controls[index])

    def _rope(self, length: int, dtype: torch.dtype, stage: Stage) -> tuple[tuple[Tables, Tables], ...]:
        recurrence = self.model.recurrence
        plain = self.rope(length, dtype)
        if recurrence.rope_shift == 0.0:
            return ((plain, plain),) * (max(stage.passes) + 1)
        shifted = [self.rope(length, dtype, recurrence.rope_shift * turn) for turn in range(max(stage.passes) + 1)]
        if recurrence.rope_shift_mode == "q_only":
            return tuple((tables, plain) for tables in shifted)
        return tuple((tables, tables) for tables in shifted)

    def _same_document(self, tokens: Tensor) -> Tensor:
        """Return (batch, seq), False where the previous token belongs to another document and must not be seen.

        Every document starts with bos. Where a long one is cut for attention it goes on, so the smear does too (#1855).
        """
        return tokens != BOS if self.model.bos_safe else torch.ones_like(tokens, dtype=torch.bool)

    def _initialise(self) -> None:
        nn.init.normal_(self.tok_emb.weight, std=0.005)
        for module in self.modules():
            if isinstance(module, Linear):
                initialise(module, orthogonal=self.model.init == "orthogonal")
        for part in (self.bigram, self.value_embed):
            if part is not None:
                part.initialise()


def _smear(model: Model) -> StaticSmear | GatedSmear | None:
    match model.smear:
        case "static":
            return StaticSmear(model.dim, model.smear_init)
        case "gated":
            return GatedSmear(model.gate_width)
        case _:
            return None


def _lanes(model: Model) -> Lanes | LambdaLanes | None:
    match model.parallel:
        case "two-lane":
            return Lanes()
        case "two-lane-lambda":
            return LambdaLanes(model.layers)
        case _:
            return None
