"""`hashtide dlq`: find, select, replay and drop dead letters."""
