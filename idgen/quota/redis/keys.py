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
    values of the fields, each after its length, so that no other rule or fields can give the same.

    These are 28 bytes for `flake`, and so few on purpose: Redis 7 then needs 112 to 128 bytes for
    a counter, and from the 29th on 16 more.  That is why an id doesn't stand there as it is.
    """
    start = f"{namespace}:{{".encode()
    texts = [rule.name, str(len(rule.fields)), *rule.fields]
    of_rule = b"".join(_sized(text.encode()) for text in texts)
    is_per_app = "app" in rule.fields
    is_one = len(rule.fields) == 1
    values: Callable[[Check], Any] = (lambda of: (rule.values(of),)) if is_one else rule.values

    def key(check: Check) -> bytes:
        texts = [value.encode(errors="surrogatepass") for value in values(check)]
        digest = blake2b(of_rule + b"".join(map(_sized, texts)), digest_size=DIGEST_BYTES).digest()
        tag = b"%04x" % (crc32(texts[0]) & 0xFFFF) if is_per_app else b""
        return b"%b%b}%b" % (start, tag, digest)

    return key


def _sized(text: bytes) -> bytes:
    return b"%d:%b" % (len(text), text)
