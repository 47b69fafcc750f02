"""The durable record of a device: append-only, hash-chained, gap-free, and its outbox."""
