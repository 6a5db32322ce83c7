"""The workers that the grants of a Redis tell of.  Pure."""

from ipaddress import IPv6Address, ip_address

from idgen.addresses import peers_of
from idgen.fleet.roster import Found
from idgen.fleet.rows import Row
from idgen.grants.redis.records import Fleet, Holder
from idgen.plain import plain

SHOWN = ("held", "waiting", "expired", "stale")
"""States of a record whose holder is there, or ought to be: `free` was given back."""

UNSPECIFIED = ("0.0.0.0", "[::]")  # noqa: S104 - nothing is bound here
"""All addresses of a machine, which has a name as well."""

SHOWN_FOR_MS = 24 * 3600 * 1000
"""How long after its ceiling a holder that hasn't given it back is missed."""


def granted(fleet: Fleet, own_host: str) -> Found:
    """Who holds a worker_id or ought to, by the address of whoever started there last."""
    newest: dict[str, tuple[int, Row]] = {}
    left = set()
    for record in fleet.records:
        holder = Holder.parse(record.holder)
        gone_ms = fleet.unix_ms - record.ceiling_unix_ms
        if holder is None:
            continue
        row = _row(record.worker_id, holder, own_host)
        if fleet.state(record) not in SHOWN:
            left.add(row.address)
        if fleet.state(record) not in SHOWN or gone_ms > SHOWN_FOR_MS:
            continue
        started_unix_ms, _ = newest.get(row.address, (-1, row))
        if holder.started_unix_ms > started_unix_ms:
            newest[row.address] = holder.started_unix_ms, row
    return Found([row for _, row in newest.values()], frozenset(left - newest.keys()))


def _row(worker_id: int, holder: Holder, own_host: str) -> Row:
    if holder.at is None:
        return _unasked(worker_id, f"pid {holder.pid} on {holder.host}", "it told no HOST:PORT")
    host, _, port = holder.at.rpartition(":")
    address = holder.at
    if _is_loopback(host) and holder.host != own_host:
        told = "it listens on its own machine only"
        return _unasked(worker_id, f"{holder.at} on {holder.host}", told)
    if host in UNSPECIFIED:
        address = f"{holder.host}:{port}"
    try:
        (address,) = peers_of(address)
    except ValueError:
        return _unasked(worker_id, plain(address), "that is no HOST:PORT")
    return Row(address, worker_id)


def _is_loopback(host: str) -> bool:
    try:
        ip = ip_address(host.strip("[]"))
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def _unasked(worker_id: int, name: str, why: str) -> Row:
    trouble = f"can't be asked from here: {why}; Redis knows it"
    return Row(plain(name), worker_id, trouble=trouble, can_be_asked=False)
