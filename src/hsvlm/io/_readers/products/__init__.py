"""Sensor products: files whose layout a mission defines, recognized by what they hold."""
