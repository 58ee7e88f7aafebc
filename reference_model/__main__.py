"""``torchrun -m reference_model --preset NAME --seed S``."""

from reference_model.cli import main

if __name__ == "__main__":
    main()
