"""Which block runs when: the order of the blocks as a function of the configuration and the progress of training.

Depth recurrence spends the 16 MB twice: a block that runs several times costs its bytes once. All published forms come
down to one idea, a :class:`Stage`: the list of blocks that one forward pass executes. Training moves through the
stages in order; evaluation uses the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_model.config import Model


@dataclass(frozen=True)
class Stage:
    """One way through the blocks. A position in ``blocks`` is called a virtual layer.

    Hashable and made of integers only, so that a compiled forward pass treats it as a constant and compiles once
    for each stage.
    """

    blocks: tuple[int, ...]  # the block that each virtual layer executes
    passes: tuple[int, ...]  # how often the recurrence had been through before: 0 in the first pass
    encoder: int  # U-Net: so many first virtual layers leave their output for a skip
    decoder: int  # U-Net: so many next ones may take one; layers after these never do

    @property
    def depth(self) -> int:
        """The number of virtual layers."""
        return len(self.blocks)


def stages(model: Model) -> tuple[Stage, ...]:
    """Return every stage that training goes through, in the order of activation."""
    recurrence = model.recurrence
    if recurrence.kind == "shared" and recurrence.depth:
        repeats = [count for _, count in recurrence.depth]
        return tuple(dict.fromkeys(_stage(model, count) for count in [*repeats, recurrence.repeats]))
    if recurrence.kind in {"span", "rerun"} and (recurrence.start_step > 0 or recurrence.start_fraction > 0):
        return _plain(model), _stage(model, recurrence.repeats)
    return (_stage(model, recurrence.repeats),)


def stage_at(model: Model, *, step: int, fraction: float) -> Stage:
    """Return the stage of training step ``step`` when ``fraction`` (0 to 1) of the training time has passed.

    Ranks must agree on ``fraction``: pass the maximum over them.
    """
    recurrence = model.recurrence
    if recurrence.kind == "shared":
        for until, count in recurrence.depth:
            if fraction < until:
                return _stage(model, count)
        return _stage(model, recurrence.repeats)
    if recurrence.kind in {"span", "rerun"}:
        timed = recurrence.start_fraction > 0
        active = fraction >= recurrence.start_fraction if timed else step >= recurrence.start_step
        return _stage(model, recurrence.repeats) if active else _plain(model)
    return _stage(model, recurrence.repeats)


def final_stage(model: Model) -> Stage:
    """Return the stage that evaluation uses: the last of training, with the extra decoder passes if there are any."""
    trained = _stage(model, model.recurrence.repeats)
    extra = model.recurrence.extra_eval_passes
    if model.recurrence.kind != "unique" or extra == 0:
        return trained
    decoder = trained.blocks[trained.depth // 2 :]
    again = tuple(index for index in range(1, extra + 1) for _ in decoder)
    return Stage(trained.blocks + decoder * extra, trained.passes + again, trained.encoder, trained.decoder)


def skip_rows(model: Model) -> int:
    """Return how many U-Net skips have weights of their own: as configured, or as many as the last stage can use."""
    if model.skips == "none":
        return 0
    last = _stage(model, model.recurrence.repeats)
    return model.skip_rows if model.skip_rows >= 0 else min(last.encoder, last.decoder)


def table_repeats(model: Model) -> int:
    """Return how many repeats the signal tables of the shared recurrence are sized for."""
    return model.recurrence.table_repeats or model.recurrence.repeats


def _plain(model: Model) -> Stage:
    return _unet(model, tuple(range(model.layers)), (0,) * model.layers)


def _stage(model: Model, repeats: int) -> Stage:
    recurrence = model.recurrence
    layers = model.layers
    match recurrence.kind:
        case "iterated" | "shared":
            blocks = tuple(range(layers)) * repeats
            return _unet(model, blocks, tuple(index // layers for index in range(len(blocks))))
        case "unique":
            virtual = range(recurrence.virtual_layers)
            return _unet(model, tuple(i % layers for i in virtual), tuple(i // layers for i in virtual))
        case "span":
            span = tuple(range(recurrence.first, recurrence.last + 1))
            before, after = tuple(range(recurrence.first)), tuple(range(recurrence.last + 1, layers))
            within = tuple(index for index in range(repeats) for _ in span)
            return _unet(model, before + span * repeats + after, (0,) * len(before) + within + (0,) * len(after))
        case "rerun":
            first = _plain(model)
            span = tuple(range(recurrence.first, recurrence.last + 1)) * (repeats - 1)
            again = tuple(1 + i // (recurrence.last + 1 - recurrence.first) for i in range(len(span)))
            return Stage(first.blocks + span, first.passes + again, first.encoder, first.decoder)
        case _:
            return _plain(model)


def _unet(model: Model, blocks: tuple[int, ...], passes: tuple[int, ...]) -> Stage:
    """Split the sequence in halves: the first pushes skips, the second pops them (none without U-Net skips)."""
    half = len(blocks) // 2 if model.skips != "none" else 0
    return Stage(blocks, passes, half, len(blocks) - half)
