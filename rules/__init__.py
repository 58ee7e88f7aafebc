"""The rules of the challenge, one file per rule.

A module of this package that defines ``RULE`` (an :class:`auditor.rule.Rule`) is a rule; nothing has to be
registered, :mod:`auditor.catalogue` finds it. Modules without ``RULE`` hold what several rules share.
"""
