"""The only room that runs a submission's code: no network, read-only root, limits, killed as a whole.

``smoke`` and ``reproduce`` go through :func:`run`; nothing else in the auditor executes what it audits.
"""

from __future__ import annotations

from auditor.sandbox.model import Limits, Mechanism, NoSandbox, Outcome, Request
from auditor.sandbox.run import mechanism, run

__all__ = ["Limits", "Mechanism", "NoSandbox", "Outcome", "Request", "mechanism", "run"]
