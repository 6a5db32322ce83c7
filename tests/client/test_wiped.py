import os
import sys

import pytest

from idgen.client.wiped import wiped_number


def test_a_number_can_be_kept_in_it() -> None:
    number = wiped_number()
    assert number[0] == 0.0
    number[0] = 5.5
    assert number[0] == 5.5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has memory that a fork wipes")
def test_a_fork_wipes_it_in_the_child_and_not_in_the_parent() -> None:
    number = wiped_number()
    number[0] = 5.5
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, str(number[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"0.0"
    assert number[0] == 5.5
    os.close(read)
    os.close(write)
