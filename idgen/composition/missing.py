"""What isn't installed."""

from idgen.grants.store import StoreRefused


def missing(error: ModuleNotFoundError) -> StoreRefused:
    """What to say where a package for Redis is not installed."""
    told = f"{error.name} is not installed; `make run` or pip install '.[redis]' installs it"
    return StoreRefused(told)
