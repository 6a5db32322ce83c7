"""What goes wrong, told on standard error."""

import sys
from contextlib import suppress


def tell(message: object) -> None:
    """One line, whatever is in it; none where nobody listens any more."""
    line = "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(message))
    with suppress(OSError):
        print(f"flake-client: {line}", file=sys.stderr, flush=True)
