"""Retention in Elasticsearch: drop data that is too old."""
