"""Sources of payloads: files, platforms' streams, and how to stay connected to them."""
