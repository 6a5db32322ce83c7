"""The keys of counters in Redis.  Pure."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any
from zlib import crc32

from idgen.quota.rules import Check, Rule

DIGEST_BYTES = 16
"""Of 10^8 keys two are the same with a chance of 10^-23."""


def key_of(namespace: str, rule: Rule) -> Callable[[Check], bytes]:
    """What gives the key of a check's counter, which has all fields of the rule.

    `NAMESPACE:{APP}DIGEST`, with four hexadecimal digits that the application's id comes to: the
    braces keep what is an application's together where keys are spread.  They are empty for a
    rule that counts over all applications.  The digest is of the rule's name, and of names and
    values of the fields in UTF-8, each after its length in characters, so that no other rule or
    fields can give the same.

    These are 28 bytes for `flake`, and so few on purpose: Redis 7 then needs 112 to 128 bytes for
    a counter, and from the 29th on 16 more.  That is why an id doesn't stand there as it is.
    """
    start = f"{namespace}:{{".encode()
    of_rule = "".join(map(_sized, (rule.name, str(len(rule.fields)), *rule.fields)))
    is_per_app = "app" in rule.fields
    is_one = len(rule.fields) == 1
    values: Callable[[Check], Any] = (lambda of: (rule.values(of),)) if is_one else rule.values

    def key(check: Check) -> bytes:
        text = of_rule + "".join([f"{len(value)}:{value}" for value in values(check)])
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
        if not is_per_app:
            return b"%b}%b" % (start, digest)
        app = str(check.app).encode("utf-8", "surrogatepass")
        return b"%b%04x}%b" % (start, crc32(app) & 0xFFFF, digest)

    return key


def _sized(text: str) -> str:
    return f"{len(text)}:{text}"
