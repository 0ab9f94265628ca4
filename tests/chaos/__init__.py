"""The promise under fire: every accepted post in the counts exactly once, whatever crashed, hung, came twice or late.

`make chaos` runs the files chaos_*.py here, the long form; plain pytest collects test_*.py alone, so it passes them by,
and has the short form of the same scenarios in tests/integration/test_failures.py. A run prints its seed, and
HASHTIDE_CHAOS_SEED repeats one: the same posts, faults and waits are drawn again, though no two runs have the same
timing.
"""
