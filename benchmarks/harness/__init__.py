"""Shared by the benchmarks: posts, servers, the common job, and tables."""
