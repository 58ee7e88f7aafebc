"""What is counted, and what divides it."""
