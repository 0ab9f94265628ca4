"""The way in: payloads of any platform become messages of one contract, and go to Kafka."""
