"""As many IDs of the shipped generator as one asks for, as binary, for the checker.

python -m tests.faults.many 1000000000 | python -m idgen audit --format=binary
"""

import sys
from array import array

from idgen.generator import BATCH_IDS_PER_MS, Generator
from idgen.grant import Grant
from idgen.layout import Layout

START_UNIX_MS = 1_795_219_200_000


def main() -> None:
    """Batches as the service takes them, a millisecond after the other; little-endian hosts."""
    generator = Generator(Layout(), longest_wait_ms=1000)
    generator.grant = Grant(7, -1, Layout().last_unix_ms)
    left, unix_ms = int(sys.argv[1]), START_UNIX_MS
    while left:
        ids = generator.next_ids(unix_ms, min(left, BATCH_IDS_PER_MS))
        words = array("Q", ids)
        words.byteswap()
        sys.stdout.buffer.write(words.tobytes())
        left -= len(ids)
        unix_ms += 1


if __name__ == "__main__":
    main()
