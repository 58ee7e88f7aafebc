"""What the log lines of a running seed say of how far it is: step, loss, bits per byte, time left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditor.regex import regex

_STEP = regex(r"(?:\bstep\s?[:=]?\s?|^\s*)(\d{1,9})/(\d{1,9})\b(?=[^\n]{0,200}\b(?:train_loss|val_loss|val_bpb)\b)")
_LOSS = regex(r"\btrain_loss\s?[:=]\s?(\d{1,3}\.\d{1,12})")
_BPB = regex(r"\bval_bpb\s?[:=]\s?(\d{1,3}\.\d{1,12})")
_TIME = regex(r"\btrain_time\s?[:=]\s?(\d{1,12}(?:\.\d{1,6})?)(ms|s|m)\b")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Seen:
    """What a seed's log has shown so far; None where it hasn't. ``fraction`` of training is done, 0 to 1."""

    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    bpb: float | None = None
    fraction: float = 0.0

    def after(self, line: str, cap: float) -> Seen:
        """Return what is known after ``line``; ``cap`` is that on training in seconds (0: none)."""
        seen = self
        if (loss := _LOSS.search(line)) is not None:
            seen = replace(seen, loss=float(loss[1]))
        if (bpb := _BPB.search(line)) is not None:
            seen = replace(seen, bpb=float(bpb[1]))
        if (step := _STEP.search(line)) is None:
            return seen
        done, steps = int(step[1]), int(step[2])
        spent = _TIME.search(line)
        seconds = 0.0 if spent is None else float(spent[1]) * _SECONDS[spent[2]]
        fraction = max(done / max(steps, 1), seconds / cap if cap > 0 else 0.0)
        return replace(seen, step=done, steps=steps, fraction=min(1.0, max(seen.fraction, fraction)))

    def sentence(self, elapsed: float, *, short: bool = False) -> str:
        """Return it as people read it, with the time left when training has taken ``elapsed`` seconds so far.

        ``short`` leaves out what a bar beside it says, too.
        """
        if self.step is None:
            return "starting"
        parts = [f"{'' if short else 'step '}{self.step:,}/{self.steps:,}"]
        if self.loss is not None:
            parts.append(f"loss {self.loss:.3f}")
        if self.bpb is not None:
            parts.append(f"{'bpb' if short else 'val_bpb'} {self.bpb:.4f}")
        if self.fraction >= 1.0:
            parts.append("training done, now packing and scoring")
        elif self.fraction > 0:
            left = clock(elapsed * (1 - self.fraction) / self.fraction)
            parts.append(f"{left} {'left' if short else 'of training left'}")
        return " · ".join(parts)


def clock(seconds: float) -> str:
    """Return seconds as ``4:05`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
