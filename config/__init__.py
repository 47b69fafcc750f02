"""Settings of a terminal, rules of a community, texts for people: files in, typed and checked values out."""
