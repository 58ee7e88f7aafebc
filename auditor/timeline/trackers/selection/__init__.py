"""What decides which prediction of a token counts, and how much of it: choices, gates, weights, shifts."""
