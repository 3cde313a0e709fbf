"""What cubes, label maps, labels, class tables and texts have to be."""
