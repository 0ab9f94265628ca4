"""Elasticsearch: how to connect, what its answers mean, and the index templates."""
