"""The audit in an editor: findings as diagnostics, and what ``golf-audit fix`` would change as code actions."""
