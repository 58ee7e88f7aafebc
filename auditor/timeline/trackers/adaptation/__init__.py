"""Who learns from what, and which scores come after it."""
