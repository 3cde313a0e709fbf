"""A fit: checks, settings, network, loop, callbacks and checkpoints."""
