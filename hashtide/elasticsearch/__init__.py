"""Elasticsearch: how it is reached, what its answers mean, and the index templates."""
