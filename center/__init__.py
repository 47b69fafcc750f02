"""The centre: keeps every record, knows every gate, and shows both. Inside: web -> services -> store, never back."""
