"""Python's semantics over the IR. Knows no rule's subject."""
