"""What a definition can call, over HTTP: as it is declared."""

from __future__ import annotations

from streams.catalogue import FUNCTIONS
from tests.support.gateways import Gateway


async def test_every_function_is_listed_with_its_processor(gateway: Gateway) -> None:
    status, answer = await gateway.ask("GET", "/v1/functions")
    assert (status, [each["name"] for each in answer["functions"]]) == (200, list(FUNCTIONS))
    carriers = {each["name"]: each["carried_out_by"] for each in answer["functions"]}
    assert (carriers["human"], carriers["decide"], carriers["http"]) == ("human", "decide", "call")


async def test_function_is_shown_as_it_is_declared(gateway: Gateway) -> None:
    for name, function in FUNCTIONS.items():
        status, shown = await gateway.ask("GET", f"/v1/functions/{name}")
        assert (status, shown["summary"]) == (200, function.summary)
        assert [each["name"] for each in shown["arguments"]] == [each.name for each in function.arguments]
        assert shown["output"] == function.described()["output"]


async def test_unknown_function_is_not_found(gateway: Gateway) -> None:
    assert (await gateway.ask("GET", "/v1/functions/teleport"))[0] == 404
