"""The documents written to Elasticsearch: pure functions that turn a value into an index, an id and a body."""
