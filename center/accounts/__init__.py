"""Who may sign in at the centre, who is signed in, and who looked at what."""
