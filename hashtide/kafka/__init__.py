"""Kafka: how to connect, its clients, its topics, and the committed offsets."""
