"""What an evaluation fits on the window that it scores."""
