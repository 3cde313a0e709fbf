"""What a fitted network says about windows and texts."""
