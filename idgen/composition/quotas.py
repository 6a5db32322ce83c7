"""The quotas that `--quota_rules` and `--quota_store` name."""

import asyncio
import logging
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idgen.composition.clocks import boot_clock_ms, wall_clock_ms
from idgen.composition.missing import missing
from idgen.config import Config
from idgen.errors import BadSetting
from idgen.quota.days import Days
from idgen.quota.memory import MemoryStore
from idgen.quota.rule_file import BadRules
from idgen.quota.rule_watch import RuleFile, RuleWatch
from idgen.quota.rules import Rules
from idgen.quota.service import Quota
from idgen.quota.usage import Usage
from idgen.quota.usage_memory import MemoryUsage
from idgen.redis.address import RedisAddress
from idgen.web.quota.guard import Guard
from idgen.web.quota.metrics import QuotaCollector
from idgen.web.quota.proxies import Proxies
from idgen.web.site import Site


@asynccontextmanager
async def quotas(settings: Config, site: Site) -> AsyncIterator[None]:
    """Have the site guarded by the rules of `--quota_rules`, if any, while the block runs.

    Raises BadSetting, StoreRefused.
    """
    if settings.quota_rules is None:
        yield
        return
    file = RuleFile(settings.quota_rules)
    try:
        quota = site.quota = _quota_of(settings, file.load())
    except BadRules as error:
        raise BadSetting(f"--quota_rules: {error}") from None
    site.guard = Guard(quota, Proxies(settings.trusted_proxies), site.refusals)
    watch = RuleWatch(file, quota.adopt, asyncio.sleep)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, watch.look_soon)
    site.registry.register(QuotaCollector(quota, watch))
    names = ", ".join(rule.name for rule in quota.rules.all)
    logging.info(f"quotas {names} from {settings.quota_rules}, counted in {settings.quota_store}")
    tasks = [asyncio.create_task(run) for run in (watch.run(), quota.usage.run(asyncio.sleep))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await quota.close()


def _quota_of(settings: Config, rules: Rules) -> Quota:
    """Quotas by these rules, in the store that `--quota_store` names.  Raises StoreRefused."""
    days = Days(settings.quota_timezone)
    if not isinstance(settings.quota_store, RedisAddress):
        usage = Usage(MemoryUsage(), days, wall_clock_ms)
        return Quota(rules, MemoryStore(boot_clock_ms), usage)
    try:
        from idgen.quota.redis.counters import RedisStore
        from idgen.quota.redis.usage import RedisUsage
    except ModuleNotFoundError as error:
        raise missing(error) from None
    address = settings.quota_store.with_password(settings.redis_password)
    usage = Usage(RedisUsage(address, secrets.token_hex(8)), days, wall_clock_ms)
    return Quota(rules, RedisStore(address), usage)
