"""Compiled code whose source lies in the submission."""
