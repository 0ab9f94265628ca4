"""What the benchmarks share: posts, servers, the common job, and tables."""
