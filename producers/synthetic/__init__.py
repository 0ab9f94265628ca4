"""A synthetic campaign, for demos, tests and benchmarks."""
