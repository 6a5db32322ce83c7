"""What a planted bug is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `file` the text `old`, which stands there once, becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    kind: str = "file"
    """The histories that it has to do with."""
    also: "tuple[Mutant, ...]" = ()
    """Changes that belong to it."""
