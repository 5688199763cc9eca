"""No attempt costs more than its bound, and the bound buys what it says."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.money import Prices, Tokens, cost_nanousd
from signalbox.request import Image, Message, Request, Text
from signalbox.routing import bound
from signalbox.routing.catalog import Target

prices = st.builds(Prices, *[st.integers(0, 10**11)] * 5)
few = st.integers(0, 10**6)


@given(prices, few, few, st.integers(1, 8), st.data())
def test_whatever_is_counted_within_the_limits_costs_no_more_than_the_bound(prices, input, output, choices, data):
    used_input = data.draw(st.integers(0, input))
    cached = data.draw(st.integers(0, used_input))
    written = data.draw(st.integers(0, used_input - cached))
    used_output = data.draw(st.integers(0, output * choices))
    tokens = Tokens(used_input, cached, written, used_output, data.draw(st.integers(0, used_output)))
    assert cost_nanousd(tokens, prices) <= bound.bound_nanousd(input, output, choices, prices)


@given(prices, few, st.integers(1, 8), st.integers(0, 10**15))
def test_what_is_affordable_stays_within_the_amount_and_one_more_does_not(prices, input, choices, amount):
    tokens = bound.affordable_output_tokens(amount, input, choices, prices)
    if tokens >= 0:
        assert bound.bound_nanousd(input, tokens, choices, prices) <= amount
    if prices.dearest_output:
        assert bound.bound_nanousd(input, max(tokens + 1, 0), choices, prices) > amount


def test_a_price_of_less_than_a_nanodollar_a_token_is_rounded_up_once():
    assert cost_nanousd(Tokens(3, 0, 0, 1), Prices(37_500_000 // 100, 1, 0, 0, 0)) == 2


def test_an_image_has_no_bound():
    request = Request("openai_chat", "m", (Message("user", (Text("a"),)),))
    assert bound.unbounded(request) is None
    assert bound.unbounded(request._replace(messages=(Message("user", (Image("https://x"),)),))) == "messages"
    assert bound.unbounded(request._replace(messages=(Message("assistant", (), extra={"audio": {"id": "a"}}),))) == "messages"
    assert bound.unbounded(request._replace(extra={"service_tier": "priority"})) == "service_tier"
    assert bound.unbounded(request._replace(extra={"web_search_options": {}})) == "web_search_options"
    assert bound.unbounded(request._replace(extra={"service_tier": "default", "logit_bias": {}})) is None


def test_output_is_bounded_by_what_was_asked_and_by_the_model():
    request = Request("openai_chat", "m", ())
    target = Target("t", "p", "m", 1000, 500, frozenset(), None)
    assert bound.output_tokens_bound(request, target) == 500
    assert bound.output_tokens_bound(request._replace(max_tokens=20), target) == 20
    assert bound.output_tokens_bound(request._replace(max_tokens=900), target) == 500
