"""What values are: payloads, origins, places, constants. Knows nothing else of the timeline."""
