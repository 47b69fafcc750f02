"""What a browser sees: pages, the live stream, the JSON interface. Calls services, never the database."""
