"""``torchrun -m reference_model --preset NAME --seed S``, and ``python -m reference_model parity SCRIPT``."""

import sys

from reference_model.cli import main

if __name__ == "__main__":
    if sys.argv[1:2] == ["parity"]:
        from reference_model.parity.command import main as parity

        del sys.argv[1]
        parity()
    main()
