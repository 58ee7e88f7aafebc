"""What is particular to one challenge, as data: ``rules/challenges/<name>.toml``."""

from auditor.challenge.known import Challenges, UnknownChallenge, challenges, choose, chosen, default, find
from auditor.challenge.model import Challenge

__all__ = ["Challenge", "Challenges", "UnknownChallenge", "challenges", "choose", "chosen", "default", "find"]
