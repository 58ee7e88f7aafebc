"""Small logs that carry their source, in which the rules on speedruns write their examples."""

from __future__ import annotations

SOURCE = """import sys
with open(sys.argv[0]) as f:
    code = f.read()  # the log begins with it


class Model:
    def forward(self, tokens):
        return tokens


def main():
    return Model()


if __name__ == "__main__":
    main()
"""
_CARD = "|   {}  NVIDIA H100 80GB HBM3          On  |   00000000:{}8:00.0 Off |                    0 |\n"


def log(loss: float, *, minutes: float = 3.0, source: str = SOURCE, cards: int = 8, steps: int = 1390) -> str:
    """Return the log of one run: its source, the machine, two steps and the last validation loss."""
    carried = f"{source}\n{'=' * 100}\n" if source else ""
    machine = "".join(_CARD.format(card, card) for card in range(cards))
    took = round(minutes * 60_000)
    return (
        f"{carried}Running PyTorch 2.7.0\n{machine}{'=' * 100}\n"
        f"step:0/{steps} val_loss:10.8258 train_time:0ms step_avg:0.02ms\n"
        f"step:{steps}/{steps} val_loss:{loss:.4f} train_time:{took}ms step_avg:{took / steps:.2f}ms\n"
    )


def logs(*losses: float, minutes: float = 3.0, source: str = SOURCE) -> dict[str, str]:
    """Return one log for each loss, by its name."""
    return {f"run{n}.txt": log(loss, minutes=minutes, source=source) for n, loss in enumerate(losses, start=1)}
