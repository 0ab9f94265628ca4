"""The same job on several systems. Each module is one contestant, run as a separate process on one core."""
