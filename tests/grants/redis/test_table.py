from dataclasses import replace

from idgen.grants.redis.table import summary, table, told, utc
from tests.grants.redis.fleets import HOLDER, NOW, RECORD, fleet


def test_a_time_past_the_year_9999_is_a_bare_number() -> None:
    assert utc(NOW) == "2026-11-21 00:00:00.123"
    assert utc(253_402_300_799_999) == "9999-12-31 23:59:59.999"
    assert utc(253_402_300_800_000) == "253402300800000"


def test_the_columns_are_aligned_and_a_healthy_fleet_fits_in_100() -> None:
    given_back = replace(RECORD, worker_id=12, token=None, ceiling_unix_ms=NOW - 90_000, holder="")
    odd = replace(RECORD, worker_id=30, holder="me\x1b[31m")
    ahead = f"host=b pid=1 started={NOW + 900}"
    lines = table(
        fleet(
            replace(RECORD, holder=HOLDER.replace("web-1", "flake-1.example")),
            given_back,
            replace(RECORD, worker_id=13, problem="WRONGTYPE " + "x" * 70),
            odd,
            replace(RECORD, worker_id=1023, ceiling_unix_ms=NOW + 1, holder=ahead),
        )
    )
    assert lines == [
        "worker_id  state   ceiling (UTC)                        pid  started (UTC)          age"
        "  host",
        "        7  held    2026-11-21 00:00:08.323    in 8.2s  4711  2026-11-20 23:55:48  4m12s"
        "  flake-1.example",
        "       12  free    2026-11-20 23:58:30.123  1m30s ago",
        "       13  broken  WRONGTYPE " + "x" * 70,
        "       30  held    2026-11-21 00:00:08.323    in 8.2s" + " " * 36 + r"me\x1b[31m",
        "     1023  held    2026-11-21 00:00:00.124    in 0.0s     1  2026-11-21 00:00:01   0.0s"
        "  b",
    ]
    assert max(map(len, lines)) <= 105
    healthy = [replace(RECORD, worker_id=worker_id) for worker_id in (0, 1023)]
    assert max(map(len, table(fleet(*healthy)))) <= 100


def test_the_summary_counts_each_state() -> None:
    records = [RECORD, RECORD, replace(RECORD, token=None), replace(RECORD, problem="no")]
    assert summary(fleet(*records)) == [
        "pinned to layout=41.10.12 epoch=1259193600000; Redis's clock: 2026-11-21 00:00:00.123 UTC",
        "4 of 1,024 worker_ids have a record: 2 held, 1 free, 1 broken",
    ]


def test_a_holder_without_the_service_s_words_is_quoted() -> None:
    odd = replace(RECORD, holder="me\x1b[31m", ceiling_unix_ms=NOW - 1)
    until = "until 2026-11-21 00:00:00.122 UTC (0.0s ago)"
    assert told(fleet(), odd) == rf"worker_id 7 is expired; granted to me\x1b[31m, {until}"
    assert told(fleet(), replace(odd, holder="")) == (
        f"worker_id 7 is expired; granted to a holder without a name, {until}"
    )
