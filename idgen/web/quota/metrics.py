"""The metrics of quotas."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from idgen.quota.rule_watch import RuleWatch
from idgen.quota.service import Quota

OUTCOMES = ("allowed", "denied", "unchecked_allowed", "unchecked_denied")


class QuotaCollector(Collector):
    """Reads plain integers at a scrape; a check pays nothing."""

    def __init__(self, quota: Quota, watch: RuleWatch) -> None:
        self._quota = quota
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """The metrics of now."""
        quota, watch = self._quota, self._watch
        decisions = CounterMetricFamily(
            "flake_quota_decisions",
            "Calls decided on; unchecked ones by what their rules say of a store that is away.",
            labels=["outcome"],
        )
        for outcome in OUTCOMES:
            decisions.add_metric([outcome], quota.decisions[outcome])
        yield decisions
        yield self._by_rule("flake_quota_denials", "Calls denied, by rule.", quota.denials)
        yield self._by_rule(
            "flake_quota_shadow_denials",
            "Calls that a rule would have denied, were it enforced.",
            quota.shadow_denials,
        )
        failures = CounterMetricFamily(
            "flake_quota_store_failures",
            "Questions that the store of counters didn't answer, by reason.",
            labels=["reason"],
        )
        for reason, count in quota.store.failures.items():
            failures.add_metric([reason], count)
        yield failures
        yield CounterMetricFamily(
            "flake_quota_rule_reloads", "Changed rules taken into force.", value=watch.reloads
        )
        yield CounterMetricFamily(
            "flake_quota_rule_refusals", "Changed rules that had a mistake.", value=watch.refused
        )
        yield GaugeMetricFamily(
            "flake_quota_rules_current",
            "Whether the file of rules, as it is now, is in force.",
            value=float(watch.healthy),
        )
        yield CounterMetricFamily(
            "flake_quota_usage_dropped",
            "Marks of the usage statistics that found no room while the store was away.",
            value=quota.usage.dropped,
        )

    def _by_rule(self, name: str, told: str, counts: "dict[str, int]") -> Metric:
        family = CounterMetricFamily(name, told, labels=["rule"])
        for rule in dict.fromkeys([*(rule.name for rule in self._quota.rules.all), *counts]):
            family.add_metric([rule], counts.get(rule, 0))
        return family
