"""Grants from a Redis, for processes of many machines."""
