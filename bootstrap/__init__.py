"""What `./run` and `./test` do before the project's own code can run. Imports nothing but the standard library."""
