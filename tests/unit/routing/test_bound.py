"""No attempt costs more than its bound, and the bound buys what it says."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.money import Prices, Tokens, cost_nanousd
from signalbox.request import Image, Message, Raw, Request, Text, ToolResult
from signalbox.routing import bound
from signalbox.routing.catalog import Target

plain = st.builds(Prices, *[st.integers(0, 10**11)] * 7, long_above=st.just(0), long=st.none())
prices = plain | st.builds(lambda row, above, long: row._replace(long_above=above, long=long), plain, st.integers(0, 10**6), plain)
few = st.integers(0, 10**6)


@given(prices, few, few, st.integers(1, 8), st.data())
def test_whatever_is_counted_within_the_limits_costs_no_more_than_the_bound(prices, input, output, choices, data):
    used_input = data.draw(st.integers(0, input))
    cached = data.draw(st.integers(0, used_input))
    written = data.draw(st.integers(0, used_input - cached))
    used_output = data.draw(st.integers(0, output * choices))
    reasoning, hour = data.draw(st.integers(0, used_output)), data.draw(st.integers(0, written))
    tokens = Tokens(used_input, cached, written, used_output, reasoning, hour)
    assert cost_nanousd(tokens, prices) <= bound.bound_nanousd(input, output, choices, prices)


@given(prices, few, st.integers(1, 8), st.integers(0, 10**15))
def test_what_is_affordable_stays_within_the_amount_and_one_more_does_not(prices, input, choices, amount):
    tokens = bound.affordable_output_tokens(amount, input, choices, prices)
    if tokens >= 0:
        assert bound.bound_nanousd(input, tokens, choices, prices) <= amount
    if prices.dearest_output and prices.of(input).dearest_output:
        assert bound.bound_nanousd(input, max(tokens + 1, 0), choices, prices) > amount


def test_a_price_of_less_than_a_nanodollar_a_token_is_rounded_up_once():
    assert cost_nanousd(Tokens(3, 0, 0, 1), Prices(37_500_000 // 100, 1, 0, 0, 0, 0)) == 2


def test_an_image_counts_by_its_pixels_and_not_by_its_bytes():
    pictures = (Image("data:image/png;base64," + "A" * 500_000), Image("https://example.com/a.png"))
    request = Request("openai_chat", "m", (Message("user", (Text("a"), *pictures)),))
    assert bound.unbounded(request) is None
    tokens = bound.input_tokens_bound(request, 500_100)
    assert 2 * bound.IMAGE_TOKENS < tokens < 2 * bound.IMAGE_TOKENS + 200
    shown = Request("openai_chat", "m", (Message("tool", (ToolResult("c", pictures),)),))
    assert bound.input_tokens_bound(shown, 500_100) == tokens + bound.TOOLS_OVERHEAD_TOKENS


def test_a_request_of_many_tokens_costs_what_the_provider_asks_for_those():
    row = Prices(1_000_000, 1_000_000, 0, 0, 1_000_000, 0)
    prices = row._replace(long_above=200_000, long=row._replace(input=2_000_000, output=3_000_000, reasoning=3_000_000))
    assert cost_nanousd(Tokens(200_000, output=10), prices) == 200_010
    assert cost_nanousd(Tokens(200_001, output=10), prices) == 400_002 + 30


def test_an_hour_in_the_cache_has_its_own_price():
    prices = Prices(1_000_000, 0, 100_000, 1_250_000, 0, 2_000_000)
    assert cost_nanousd(Tokens(1000, cached=200, cache_write=300, cache_write_1h=100), prices) == 500 + 20 + 250 + 200


def test_a_fee_for_a_request_is_bounded_and_charged_once():
    prices = Prices(1_000_000, 1_000_000, 0, 0, 1_000_000, 0, request=5_000_000)
    assert cost_nanousd(Tokens(10, output=2), prices) == 5_000_012
    assert cost_nanousd(Tokens(), prices) == 0
    assert bound.bound_nanousd(10, 2, 1, prices) == 5_000_012
    assert bound.affordable_output_tokens(5_000_012, 10, 1, prices) == 2


def test_what_has_no_bound_is_named():
    request = Request("openai_chat", "m", (Message("user", (Text("a"),)),))
    assert bound.unbounded(request._replace(messages=(Message("user", (Raw({"type": "file"}),)),))) == "messages"
    assert bound.unbounded(request._replace(tools=(Raw({"type": "web_search"}),))) == "tools"
    assert bound.unbounded(request._replace(messages=(Message("assistant", (), extra={"audio": {"id": "a"}}),))) == "messages"
    assert bound.unbounded(request._replace(extra={"service_tier": "priority"})) == "service_tier"
    for name, value in (("web_search_options", {}), ("speed", "fast"), ("inference_geo", "us"), ("models", ["a/dearer"]), ("plugins", [])):
        assert bound.unbounded(request._replace(extra={name: value})) == name
    assert bound.unbounded(request._replace(extra={"service_tier": "default", "logit_bias": {}})) is None


def test_output_is_bounded_by_what_was_asked_and_by_the_model():
    request = Request("openai_chat", "m", ())
    target = Target("t", "p", "m", 1000, 500, frozenset(), None)
    assert bound.output_tokens_bound(request, target) == 500
    assert bound.output_tokens_bound(request._replace(max_tokens=20), target) == 20
    assert bound.output_tokens_bound(request._replace(max_tokens=900), target) == 500
