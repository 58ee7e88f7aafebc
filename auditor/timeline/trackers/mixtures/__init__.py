"""How predictions are blended."""
