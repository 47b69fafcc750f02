"""The register: places, households, people, passes; its import, its secrets, and the directory made from it."""
