"""The workers that the grants of a Redis tell of.  Pure."""

from ipaddress import ip_address

from idgen.addresses import peers_of
from idgen.fleet.rows import Row
from idgen.grants.redis.records import Fleet, Holder
from idgen.redis.plain import plain

SHOWN = ("held", "waiting", "expired", "stale")
"""States of a record whose holder is there, or ought to be: `free` was given back."""

SHOWN_FOR_MS = 24 * 3600 * 1000
"""How long after its ceiling a holder that hasn't given it back is missed."""


def granted(fleet: Fleet, own_host: str) -> list[Row]:
    """A row for each address at which a holder listens, as far as they can be told."""
    newest: dict[str, tuple[int, Row]] = {}
    for record in fleet.records:
        holder = Holder.parse(record.holder)
        gone_ms = fleet.unix_ms - record.ceiling_unix_ms
        if holder is None or fleet.state(record) not in SHOWN or gone_ms > SHOWN_FOR_MS:
            continue
        row = _row(record.worker_id, holder, own_host)
        started_unix_ms, _ = newest.get(row.address, (-1, row))
        if holder.started_unix_ms > started_unix_ms:
            newest[row.address] = holder.started_unix_ms, row
    return [row for _, row in newest.values()]


def _row(worker_id: int, holder: Holder, own_host: str) -> Row:
    if holder.at is None:
        return _unasked(worker_id, f"pid {holder.pid} on {holder.host}", "it told no HOST:PORT")
    host, _, port = holder.at.rpartition(":")
    address = holder.at
    try:
        ip = ip_address(host.strip("[]"))
        if ip.is_loopback and holder.host != own_host:
            told = "it listens on its own machine only"
            return _unasked(worker_id, f"{holder.at} on {holder.host}", told)
        if ip.is_unspecified:
            address = f"{holder.host}:{port}"
    except ValueError:
        pass  # a name
    try:
        (address,) = peers_of(address)
    except ValueError:
        return _unasked(worker_id, plain(address), "that is no HOST:PORT")
    return Row(address, worker_id)


def _unasked(worker_id: int, name: str, why: str) -> Row:
    trouble = f"can't be asked from here: {why}; Redis knows it"
    return Row(plain(name), worker_id, trouble=trouble, can_be_asked=False)
