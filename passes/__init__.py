"""The pass: claims, codec (COSE, CWT), keys, the holder's code, the signed directory. Imports the model alone."""
