"""What is told of a run: its counts, and the page of its failures."""
