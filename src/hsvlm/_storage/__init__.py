"""Named values and tensors to files with digests, and back; knows no classifier."""
