"""A second look: what of an earlier audit still holds, and what of it was wrong."""
