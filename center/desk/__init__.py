"""What an officer at the centre looks at: passages, gates, chains, and what is new among them."""
