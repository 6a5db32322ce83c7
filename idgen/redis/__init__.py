"""Redis: where one is, the way there, and what it says."""
