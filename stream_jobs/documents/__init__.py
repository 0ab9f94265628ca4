"""Pure: what is written to Elasticsearch. A value becomes an index, an id and a body."""
