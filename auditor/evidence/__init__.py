"""Evidence: what the logs, the metadata, the README and the files on disk say."""

from auditor.evidence.model import Claim, ClaimSet, Evidence, Log, Metric, Run, Value
from auditor.evidence.read import read_evidence

__all__ = ["Claim", "ClaimSet", "Evidence", "Log", "Metric", "Run", "Value", "read_evidence"]
