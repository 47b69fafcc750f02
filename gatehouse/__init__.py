"""The front door: command line, the street of `./run`, benches. Composition roots, which may import everything."""
