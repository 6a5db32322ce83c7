"""Settings become objects here, part by part; flake.py puts the parts together."""
