"""Auditing every pull request of a repository: a pool of processes, results that survive, a summary."""
