"""Pack a training script the way many submissions do: LZMA and base 85 in a line that unpacks and runs itself.

    python examples/pack.py SOURCE TARGET
"""

from __future__ import annotations

import base64
import lzma
import sys
from pathlib import Path


def pack(source: bytes) -> bytes:
    """Return a script that decodes ``source`` and executes it."""
    payload = base64.b85encode(lzma.compress(source, preset=9 | lzma.PRESET_EXTREME)).decode("ascii")
    return f'import base64 as b, lzma as z\nexec(z.decompress(b.b85decode("{payload}")))\n'.encode()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: pack.py SOURCE TARGET")
    Path(sys.argv[2]).write_bytes(pack(Path(sys.argv[1]).read_bytes()))
