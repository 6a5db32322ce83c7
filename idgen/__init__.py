"""Flake: unique, roughly time-ordered 64-bit IDs."""

__version__ = "0.1.0"
