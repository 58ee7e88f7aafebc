"""Evidence: what the logs, the metadata, the README and the files on disk say."""

from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.model import Evidence, Log
from auditor.evidence.printed import Metric, Value
from auditor.evidence.read import read_evidence
from auditor.evidence.run import Run

__all__ = ["Claim", "ClaimSet", "Evidence", "Log", "Metric", "Run", "Value", "read_evidence"]
