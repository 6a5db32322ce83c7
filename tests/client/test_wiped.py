import gc
import os
import sys
import weakref

import pytest

from idgen.client import wiped
from idgen.client.wiped import Wiped


def in_a_child(number: "memoryview[float]") -> float:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, str(number[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = float(os.read(read, 10))
    os.close(read)
    os.close(write)
    return told


def test_a_number_can_be_kept_in_it() -> None:
    some = Wiped()
    assert some.number[0] == 0.0
    some.number[0] = 5.5
    assert some.number[0] == 5.5


def test_a_fork_wipes_it_in_the_child_and_not_in_the_parent() -> None:
    some = Wiped()
    some.number[0] = 5.5
    assert in_a_child(some.number) == 0.0
    assert some.number[0] == 5.5


def test_where_the_system_has_no_such_memory_python_wipes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    some = Wiped()
    some.number[0] = 5.5
    assert in_a_child(some.number) == 0.0
    assert some.number[0] == 5.5


def test_one_that_is_forgotten_is_not_kept() -> None:
    some = Wiped()
    kept = weakref.ref(some)
    assert some in wiped._all
    del some
    gc.collect()
    assert kept() is None
