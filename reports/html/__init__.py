"""Pages: reports as one HTML file that loads nothing, for one submission or for a sweep."""
