"""The page, and what it shows."""
