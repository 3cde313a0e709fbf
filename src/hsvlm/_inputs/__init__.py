"""From any accepted X and y to windows on the device."""
