"""Where the state of this machine is, by systemd's and the XDG's conventions."""

import os
from collections.abc import Mapping
from pathlib import Path

from idgen.grants.store import StoreRefused

SYSTEM_DIRECTORY = Path("/var/lib/flake")


def state_directory(environment: Mapping[str, str], system: Path = SYSTEM_DIRECTORY) -> Path:
    """`$STATE_DIRECTORY`, else /var/lib/flake, else below the home.

    The system's own directory counts where it exists or can be made.  Raises StoreRefused where
    it exists but can't be written: with the home in its place there would be two sets of locks.
    """
    if environment.get("STATE_DIRECTORY"):
        return Path(environment["STATE_DIRECTORY"].split(":")[0])
    try:
        system.mkdir(exist_ok=True)
    except OSError as error:
        if os.path.lexists(system):  # such as a link to where this user may not look
            told = f"{system} exists but is not writable for this user: {error.strerror}"
            raise StoreRefused(told) from None
        home = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(home) / "flake"
    if not os.access(system, os.W_OK | os.X_OK):
        raise StoreRefused(f"{system} exists but is not writable for this user")
    return system
