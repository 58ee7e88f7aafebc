"""The network: blocks, attention, gates, and every schedule by which its blocks recur.

``stages`` and ``size`` are plain arithmetic; :class:`GPT` is imported on first use, because it brings torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_model.model.recurrence import Stage, final_stage, stage_at, stages

if TYPE_CHECKING:
    from reference_model.model.gpt import GPT

__all__ = ["GPT", "Stage", "final_stage", "stage_at", "stages"]


def __getattr__(name: str) -> object:
    if name == "GPT":
        from reference_model.model.gpt import GPT

        return GPT
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
