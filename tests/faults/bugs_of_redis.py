"""Bugs to plant in the grants from Redis."""

from tests.faults.mutant import Mutant

BUGS = [
    Mutant(
        "no quarantine",
        "idgen/grants/redis/grants.lua",
        "record.current and now or now + quarantine_ms)",
        "now)",
        kind="redis",
    ),
    Mutant(
        "any record trusted",
        "idgen/grants/redis/grants.lua",
        "        current = fields[4] == run_id,",
        "        current = not absent,",
        kind="redis",
    ),
    Mutant(
        "no extra 3 s of quarantine",
        "idgen/grants/redis/claim.py",
        "QUARANTINE_MS = GRANT_MS + 3 * MAX_SKEW_MS",
        "QUARANTINE_MS = GRANT_MS",
        kind="redis",
    ),
    Mutant(
        "the token not compared",
        "idgen/grants/redis/grants.lua",
        "elseif record.token ~= token and record.token ~= named then",
        "elseif false then",
        kind="redis",
    ),
    Mutant(
        "run_id not compared",
        "idgen/grants/redis/grants.lua",
        "    elseif not record.current then\n        return {'restarted', now}",
        "    elseif false then\n        return {'restarted', now}",
        kind="redis",
    ),
    Mutant(
        "a release stamps run_id unchecked",
        "idgen/grants/redis/grants.lua",
        "return refusal(record) or",
        "if operation == 'release' and (record.token == token or record.token == named) then\n"
        "    record.current = true\n"
        "    redis.call('HSET', record.key, 'run_id', run_id)\n"
        "end\n"
        "return refusal(record) or",
        kind="redis",
    ),
    Mutant(
        "a release without the floor",
        "idgen/grants/redis/grants.lua",
        "local ceiling = math.max(record.floor, tonumber(ARGV[10]))",
        "local ceiling = tonumber(ARGV[10])",
        kind="redis",
    ),
    Mutant(
        "a retry with a new successor",
        "idgen/grants/redis/claim.py",
        'return self._question("extend", unix_ms, self._held(), self._successor)',
        'return self._question("extend", unix_ms, self._held(), self._draw_token())',
        kind="redis",
    ),
    Mutant(
        "a retry with a new token",
        "idgen/grants/redis/claim.py",
        'return self._question("acquire", unix_ms, self._worker_ids, self._holder)',
        "self._token = self._draw_token(); "
        'return self._question("acquire", unix_ms, self._worker_ids, self._holder)',
        kind="redis",
    ),
    Mutant(
        "skew checked after writing",
        "idgen/grants/redis/grants.lua",
        "if math.abs(caller_ms - now) > max_skew_ms then",
        "if operation == 'acquire' then\n"
        "    acquire()\n"
        "end\n"
        "if math.abs(caller_ms - now) > max_skew_ms then",
        kind="redis",
    ),
    Mutant(
        "an old-run record busy",
        "idgen/grants/redis/grants.lua",
        "record.busy = record.token and record.current and record.ceiling >= now",
        "record.busy = record.token and record.ceiling >= now",
        kind="redis",
    ),
    Mutant(
        "auto ignores run_id",
        "idgen/grants/redis/grants.lua",
        "    if not best or record.next_floor ~= best.next_floor then\n"
        "        return not best or record.next_floor < best.next_floor\n"
        "    end\n",
        "    if not best then\n        return true\n    end\n",
        kind="redis",
    ),
    Mutant(
        "the caller's clock instead of Redis's",
        "idgen/grants/redis/grants.lua",
        "local now = time[1] * 1000 + math.floor(time[2] / 1000)",
        "local now = caller_ms",
        kind="redis",
    ),
    Mutant(
        "no max in a ceiling",
        "idgen/grants/redis/grants.lua",
        "math.max(record.floor, record.ceiling, now + grant_ms)",
        "math.max(record.floor, now + grant_ms)",
        kind="redis",
    ),
    Mutant(
        "a floor without the ceiling before",
        "idgen/grants/redis/grants.lua",
        "record.next_floor = math.max(record.ceiling, record.current",
        "record.next_floor = math.max(0, record.current",
        kind="redis",
    ),
    Mutant(
        "a lost token used to the ceiling",
        "idgen/grants/keeper.py",
        "if isinstance(trouble, TokenLost) and self._grant is self._service.grant:",
        "if False:",
        kind="redis",
    ),
    Mutant(
        "the next grant begun before the lost one has run out",
        "idgen/grants/keeper.py",
        "if before is None or self._service.wall_clock_ms() > before.ceiling_unix_ms:",
        "if True:",
        kind="redis",
    ),
    Mutant(
        "a refused extension is asked for again",
        "idgen/grants/redis/claim.py",
        "        if isinstance(refusal, TokenLost | StoreRestarted):\n            self._forget()\n",
        "        if isinstance(refusal, TokenLost | StoreRestarted):\n            pass\n",
        kind="redis",
    ),
    Mutant(
        "a grant believed that was long on its way",
        "idgen/grants/redis/claim.py",
        "if abs(unix_ms - answer.unix_ms) > MAX_SKEW_MS:",
        "if False:",
        kind="redis",
    ),
    Mutant(
        "run_id read by the client",
        "idgen/grants/redis/grants.lua",
        "local run_id = string.match(server, 'run_id:(%w+)')",
        "local run_id = string.match(server, 'run_id:(%w+)')\n"
        "if operation == 'run_id' then\n"
        "    return {'run_id', now, run_id}\n"
        "end\n"
        "run_id = ARGV[#ARGV]",
        kind="redis",
        also=(
            Mutant(
                "asked for before",
                "idgen/grants/redis/store.py",
                "        answer = Answer.parse(await self._script.ask(question))",
                '        run_id = await self._script.ask(Question([], ["run_id", unix_ms]))\n'
                "        question.arguments.append(run_id[2].decode())\n"
                "        answer = Answer.parse(await self._script.ask(question))",
            ),
        ),
    ),
]
