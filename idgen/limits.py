"""What one request may ask for; the service keeps to it, and so do its clients."""

MAX_BATCH_IDS = 65_536

MAX_BATCH_WAIT_MS = 100
"""How long a batch waits for its first number, and then for each next one."""
