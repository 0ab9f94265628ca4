"""Retention in Elasticsearch: what is older than it is to be kept is dropped."""
