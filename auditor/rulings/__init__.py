"""Rulings on the auditor's side: findings that a maintainer or reviewer has overruled, by submission."""
