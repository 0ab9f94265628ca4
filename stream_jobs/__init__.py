"""Stream processing: posts are enriched, counted exactly once, and indexed."""
