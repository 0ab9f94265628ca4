"""What operators run: commands, checks, counts, repairs, and the live page."""
