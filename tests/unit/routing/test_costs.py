from hypothesis import given
from hypothesis import strategies as st

from signalbox.routing.costs import EXPECTED_OUTPUT_TOKENS, expected_nanousd, expected_output_tokens, worst_nanousd

from .decided import FEATURES, priced, target


def test_an_answer_is_expected_to_be_no_longer_than_asked_for_nor_than_usual_nor_than_the_model_gives():
    model = target("a", 1)
    assert expected_output_tokens(FEATURES, model) == 100
    assert expected_output_tokens(FEATURES._replace(max_tokens=None), model) == EXPECTED_OUTPUT_TOKENS
    assert expected_output_tokens(FEATURES._replace(max_tokens=4_000), model) == EXPECTED_OUTPUT_TOKENS
    assert expected_output_tokens(FEATURES, model._replace(max_output_tokens=0)) == 0  # embeddings


def test_input_output_choices_and_the_fee_are_counted_each_at_its_price():
    prices = priced(2_000_000, 5_000_000)._replace(request=7)
    asked = FEATURES._replace(n=3)
    assert expected_nanousd(asked, target("a")._replace(prices=prices)) == 7 + 1_000 * 2 + 3 * 100 * 5


def test_a_long_request_costs_what_a_long_one_costs():
    prices = priced(1_000_000)._replace(long_above=999, long=priced(3_000_000))
    assert expected_nanousd(FEATURES, target("a")._replace(prices=prices)) == 3_000
    assert expected_nanousd(FEATURES._replace(input_tokens=999), target("a")._replace(prices=prices)) == 999


def test_nobody_knows_what_an_unpriced_target_costs():
    assert expected_nanousd(FEATURES, target("a")) is None
    assert worst_nanousd(FEATURES, target("a")) is None


@given(*(st.integers(0, 10**10) for _ in range(2)), st.integers(0, 9_000), st.none() | st.integers(1, 9_000), st.integers(1, 4))
def test_what_is_expected_is_never_more_than_the_worst(input_nanousd, output_nanousd, tokens, asked, n):
    features = FEATURES._replace(input_tokens=tokens, input_bound=tokens, max_tokens=asked, n=n)
    model = target("a")._replace(prices=priced(input_nanousd, output_nanousd))
    assert expected_nanousd(features, model) <= worst_nanousd(features, model)
