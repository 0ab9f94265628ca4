"""`hashtide dlq`: dead letters, how they are found, chosen, and put back into the stream."""
