"""The machine underneath: optional libraries, files, devices, randomness, threads."""
