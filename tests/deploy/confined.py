"""Runs a command under the system call filters of the shipped unit, which systemd would set up.

    python -m tests.deploy.confined COMMAND …

So they can be tried where systemd doesn't run: SystemCallFilter=, RestrictAddressFamilies= and
MemoryDenyWriteExecute=, by the library that systemd itself uses for them.
"""

import ctypes
import errno
import mmap
import os
import socket
import sys

from tests.deploy.unit import settings, system_calls

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
EQUAL, MASKED_EQUAL = 4, 7

WITH_CONDITIONS = {"socket", "mmap", "mprotect", "pkey_mprotect", "shmat"}


class Condition(ctypes.Structure):
    """libseccomp's scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def confine() -> None:
    """This process from now on, and those that it starts."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    policy = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    assert policy, "seccomp_init"

    def allow(name: str, *conditions: Condition) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # another architecture's
        array = (Condition * max(1, len(conditions)))(*conditions)
        failed = library.seccomp_rule_add_array(
            policy, ctypes.c_uint32(ALLOW), number, len(conditions), array
        )
        assert failed == 0, name

    for name in system_calls():
        if name not in WITH_CONDITIONS:
            allow(name)
    (families,) = settings()["RestrictAddressFamilies"]
    for family in families.split():
        allow("socket", Condition(0, EQUAL, getattr(socket, family)))
    assert settings()["MemoryDenyWriteExecute"] == ["yes"]
    for forbidden in (mmap.PROT_EXEC, mmap.PROT_WRITE):
        allow("mmap", Condition(2, MASKED_EQUAL, forbidden, 0))
    allow("mprotect", Condition(2, MASKED_EQUAL, mmap.PROT_EXEC, 0))
    assert library.seccomp_load(policy) == 0, "seccomp_load"


if __name__ == "__main__":
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])
