"""One file per format that scenes and label maps are read from."""
