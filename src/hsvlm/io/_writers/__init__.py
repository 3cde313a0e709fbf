"""One file per format that maps and scenes are written to."""
