"""What a model is told without training it."""
