"""The only room that runs a submission's code: no network, read-only root, limits, killed as a whole.

docs/sandbox.md says what each mechanism guarantees.

``smoke``, ``probe``, ``reproduce`` and ``campaign`` go through :func:`run`; nothing else in the auditor executes what
it audits.
"""

from __future__ import annotations

from auditor.sandbox.layout import import_path
from auditor.sandbox.model import Limits, Mechanism, NoSandbox, Outcome, Request
from auditor.sandbox.results import Left, Results
from auditor.sandbox.run import mechanism, run, why_none
from auditor.sandbox.scratch import remove, scratch_folder

__all__ = [
    "Left", "Limits", "Mechanism", "NoSandbox", "Outcome", "Request", "Results", "import_path", "mechanism", "remove",
    "run", "scratch_folder", "why_none",
]  # fmt: skip
