import asyncio

import pytest

from idgen.web import plans
from idgen.web.message import Message
from idgen.web.plan import Later
from idgen.web.plans import Planner
from tests.clocks import WallClock, granted_service
from tests.web.serving import FIRST, NOW, site_of

BATCH = 4032


def message(target: str, accept: str = "", method: str = "GET") -> Message:
    return Message(f"{method} {target} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())


@pytest.fixture
def planner() -> Planner:
    return Planner(site_of(granted_service(1023, WallClock(NOW))))


@pytest.mark.parametrize(
    "request_line", ["HEAD /", "POST /", "get /", "GET /livez", "GET //", "GET *", "GET /%2f"]
)
def test_only_a_plain_get_of_the_root_has_a_plan(planner: Planner, request_line: str) -> None:
    method, target = request_line.split()
    assert planner.plan(message(target, method=method)) is None


def test_a_plan_makes_another_id_each_time_it_is_run(planner: Planner) -> None:
    plan = planner.plan(message("/"))
    assert plan is not None
    for flake_id in range(FIRST, FIRST + 3):
        response = plan("127.0.0.1")
        assert isinstance(response, bytes)
        assert response.endswith(b"\r\n\r\n%d" % flake_id)


def test_plans_are_shared_by_what_they_do(planner: Planner) -> None:
    assert planner.plan(message("/")) is planner.plan(message("/?x=1"))
    assert planner.plan(message("/?n=5")) is planner.plan(message("/?y&n=5"))
    assert planner.plan(message("/?n=5")) is not planner.plan(message("/?n=6"))
    assert planner.plan(message("/")) is not planner.plan(message("/", "application/json"))


def test_the_plan_of_a_bad_request_holds_on_to_nothing_that_was_received(
    planner: Planner,
) -> None:
    plan = planner.plan(message("/?n=0"))
    assert plan is not None
    for cell in plan.__closure__ or ():
        if isinstance(cell.cell_contents, Exception):
            assert cell.cell_contents.__traceback__ is None
            assert cell.cell_contents.__context__ is None
            break
    else:
        raise AssertionError("the plan has no error to give")


def test_a_batch_that_has_to_wait_is_a_promise_to_render() -> None:
    async def main() -> None:
        clock = WallClock(NOW)
        plan = Planner(site_of(granted_service(1023, clock))).plan(message(f"/?n={BATCH + 1}"))
        assert plan is not None
        later = plan("127.0.0.1")
        assert isinstance(later, Later)
        clock.unix_ms += 1
        await later.future
        rendered = later.render(later.future)
        assert isinstance(rendered, bytes)
        body = rendered.partition(b"\r\n\r\n")[2]
        assert len(body.split(b"\n")) == BATCH + 1
        assert body.endswith(b"\n%d" % (FIRST + (1 << 22)))

    asyncio.run(main())


def test_a_variety_of_batches_does_not_grow_the_memory(planner: Planner) -> None:
    for n in range(1, 3 * plans.MAX_PLANS):
        planner.plan(message(f"/?n={n}"))
        assert len(planner._made) <= plans.MAX_PLANS
