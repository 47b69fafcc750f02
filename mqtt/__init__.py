"""The bus: topics, wire messages, the link to the broker, the outbox's publisher, intake and commands."""
