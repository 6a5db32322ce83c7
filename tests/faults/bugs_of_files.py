"""Bugs to plant in the core and in the grants from files."""

from tests.faults.mutant import Mutant

BUGS = [
    Mutant(
        "worker_id kept outside the grant",
        "idgen/generator.py",
        "self._layout.pack(unix_ms, grant.worker_id, sequence=0)",
        "self._layout.pack(unix_ms, globals().setdefault('KEPT', grant.worker_id), sequence=0)",
    ),
    Mutant(
        "worker_id of the grant before, within a millisecond",
        "idgen/generator.py",
        "if unix_ms != self._packed_unix_ms or grant is not self._packed_grant:",
        "if unix_ms != self._packed_unix_ms:",
    ),
    Mutant(
        "the millisecond of the ID before",
        "idgen/generator.py",
        "if unix_ms != self._packed_unix_ms or grant is not self._packed_grant:",
        "if grant is not self._packed_grant:",
    ),
    Mutant(
        "a late answer counted for a new grant",
        "idgen/grants/keeper.py",
        "if self._service.grant is asked:",
        "if True:",
    ),
    Mutant(
        "the ceiling counted before it is stored",
        "idgen/grants/keeper.py",
        "extended = await self._store.extend(asked, unix_ms)",
        "self._service.begin_grant(asked := type(asked)(asked.worker_id, asked.floor_unix_ms,"
        " max(asked.ceiling_unix_ms, unix_ms + self._store.grant_ms)));"
        " extended = await self._store.extend(asked, unix_ms)",
    ),
    Mutant(
        "the ceiling counted before it is durable",
        "idgen/grants/file.py",
        "            await self._files.sync(self._fd)\n            if not",
        "            if not",
    ),
    Mutant(
        "no max in an extension",
        "idgen/grants/file.py",
        "max(grant.ceiling_unix_ms, unix_ms + self.grant_ms)",
        "max(grant.floor_unix_ms, unix_ms + self.grant_ms)",
    ),
    Mutant(
        "a release without the floor",
        "idgen/grants/file.py",
        "max(grant.floor_unix_ms, last_unix_ms or 0)",
        "last_unix_ms or 0",
    ),
    Mutant(
        "the released value stored before the grant has ended",
        "idgen/grants/keeper.py",
        '        self._service.end_grant("stopping")\n',
        "",
    ),
    Mutant(
        "the clock read twice",
        "idgen/service.py",
        "        flake_id = self._generator.next_id(self.wall_clock_ms())\n",
        "        flake_id = self._generator.next_id(self.wall_clock_ms())\n"
        "        flake_id = self.layout.pack(self.wall_clock_ms(), flake_id >> 12 & 1023,"
        " flake_id & 4095)\n",
    ),
    Mutant(
        "a batch checked only once",
        "idgen/generator.py",
        "if grant is not None and grant.floor_unix_ms < unix_ms <= grant.ceiling_unix_ms:",
        "if grant is not None and grant.floor_unix_ms < unix_ms and ("
        "unix_ms <= grant.ceiling_unix_ms or limit < 4096):",
    ),
    Mutant(
        "the floor not checked",
        "idgen/generator.py",
        "if grant is not None and grant.floor_unix_ms < unix_ms <= grant.ceiling_unix_ms:",
        "if grant is not None and unix_ms <= grant.ceiling_unix_ms:",
    ),
    Mutant(
        "the floor included",
        "idgen/generator.py",
        "grant.floor_unix_ms < unix_ms <=",
        "grant.floor_unix_ms <= unix_ms <=",
    ),
    Mutant(
        "no inode check after a write",
        "idgen/grants/file.py",
        "            if not await self._files.is_named(self._fd, self.path):\n"
        "                raise GrantLost",
        "            if False:\n                raise GrantLost",
    ),
    Mutant(
        "read before the lock",
        "idgen/grants/file.py",
        "        if self._fd is None:\n            self._fd = await self._open_and_lock()\n"
        "        contents = parse(await self._read(self._fd))\n",
        "        early = await self._files.open(self.path)\n"
        "        contents = parse(await self._read(early))\n"
        "        self._files.close(early)\n"
        "        if self._fd is None:\n            self._fd = await self._open_and_lock()\n",
    ),
    Mutant(
        "new-file floor = now",
        "idgen/grants/file.py",
        "            return now_unix_ms + self.grant_ms",
        "            return now_unix_ms",
    ),
    Mutant(
        "a corrupt slot ignored",
        "idgen/grants/file.py",
        "        if None in contents.slots:",
        "        if False:",
    ),
    Mutant(
        "a forked child issues",
        "idgen/grants/keeper.py",
        '        self._service.end_grant("a forked child issues no IDs")\n',
        "",
    ),
    Mutant(
        "a forked child unlocks",
        "idgen/grants/files.py",
        '        """As Files has it."""\n        os.close(fd)\n',
        "        fcntl.flock(fd, fcntl.LOCK_UN)\n        os.close(fd)\n",
    ),
    Mutant(
        "always slot 0",
        "idgen/grants/file.py",
        "        self._place = 1 - self._place",
        "        self._place = 0",
    ),
    Mutant(
        "an empty file counts as corrupt",
        "idgen/grants/file.py",
        "            if not contents.blank:",
        "            if True:",
    ),
    Mutant(
        "a jump refused for ever",
        "idgen/grants/jump.py",
        "return jump_ms if boot_ms - self._jumped_at_boot_ms < MAX_JUMP_MS else 0",
        "return jump_ms",
    ),
    Mutant(
        "a jump believed at once",
        "idgen/grants/jump.py",
        "if jump_ms <= MAX_JUMP_MS:",
        "if True:",
    ),
    Mutant(
        "the sequence reset before the clock check",
        "idgen/generator.py",
        "elif last_unix_ms is None or unix_ms > last_unix_ms:",
        "elif True:",
    ),
    Mutant(
        "a failed sync tried again",
        "idgen/grants/file.py",
        "        if error.errno == errno.EIO:",
        "        if False:",
    ),
]
