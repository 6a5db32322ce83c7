"""The fleet as any one of its processes sees it."""
