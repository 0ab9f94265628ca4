"""Kafka: how it is reached, its clients, its topics, and how far they are read."""
