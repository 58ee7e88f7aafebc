"""One room for each question that a reviewer asks: each listens to the engine and writes events."""
