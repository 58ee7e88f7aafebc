"""What calls into libraries do, as far as the challenge's scripts use them."""

from auditor.timeline.library.functions import call_external
from auditor.timeline.library.methods import call_method
from auditor.timeline.library.names import (
    BUILTINS,
    SHAPE_ATTRIBUTES,
    VIEW_ATTRIBUTES,
    context_name,
    is_optimizer_name,
    shown,
)
from auditor.timeline.library.options import in_environment, parse_printed

__all__ = [
    "BUILTINS",
    "SHAPE_ATTRIBUTES",
    "VIEW_ATTRIBUTES",
    "call_external",
    "call_method",
    "context_name",
    "in_environment",
    "is_optimizer_name",
    "parse_printed",
    "shown",
]
