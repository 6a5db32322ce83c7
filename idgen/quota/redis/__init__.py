"""Quotas and usage in Redis: the scripts, and who asks them."""
