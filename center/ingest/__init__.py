"""Takes in what devices say: records into the chain, status and state into the picture of the gates."""
