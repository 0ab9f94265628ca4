"""Producers: turn payloads of any platform into messages of one contract, and publish them to Kafka."""
