import gc
import os
import weakref

from idgen.client import after_fork


class Counted:
    def __init__(self) -> None:
        self.starts = 0

    def start_anew(self) -> None:
        self.starts += 1


def test_a_child_starts_anew_and_its_parent_does_not() -> None:
    client = Counted()
    after_fork.watch(client, Counted.start_anew)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"%d" % client.starts)
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"1"
    assert client.starts == 0
    os.close(read)
    os.close(write)


def test_a_client_that_is_forgotten_is_not_kept() -> None:
    client = Counted()
    after_fork.watch(client, Counted.start_anew)
    kept = weakref.ref(client)
    del client
    gc.collect()
    assert kept() is None
