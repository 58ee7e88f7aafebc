"""The baseline: findings that the auditor knows already, recognised after their lines have moved."""
