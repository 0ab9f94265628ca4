"""The way through: posts are enriched, counted exactly once, and indexed."""
