"""Quotas over HTTP: asking for a decision or for usage, and what `/` costs."""
