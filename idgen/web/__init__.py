"""Flake over HTTP."""
