"""What moves the weights: Muon for matrices, Adam for the rest, their schedule, and averages of what they leave."""
