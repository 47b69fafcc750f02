"""The front door: the command line, the street of `./run`, the benches. Composition roots, which may import everything."""
