"""A real Kafka and a real Elasticsearch as child processes, with nothing but Python installed."""
