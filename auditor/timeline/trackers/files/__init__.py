"""Data that a score rests on directly."""
