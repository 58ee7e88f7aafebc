"""Reading what is in a pull request: record folders, their files' roles, and what the diff touches."""
