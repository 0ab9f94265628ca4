"""What people run beside the pipeline: commands, checks, counts, repairs, and the live page."""
