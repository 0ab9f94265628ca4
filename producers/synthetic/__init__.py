"""A made-up campaign, for demos, tests and benchmarks."""
