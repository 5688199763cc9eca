"""A provider's secret is keys or it is nothing."""

import pytest

from signalbox.aws.keys import to_keys


def test_keys_are_read_in_their_order():
    assert to_keys('{"keys": ["sk-1", "sk-2"]}') == ["sk-1", "sk-2"]


@pytest.mark.parametrize(
    "secret", ["sk-1", "{}", "[]", '"sk"', '{"keys": "sk-1"}', '{"keys": [1]}', '{"keys": ["a\\nb"]}', '{"keys": ["ä"]}']
)
def test_anything_else_is_refused_without_a_word_of_it(secret):
    with pytest.raises((ValueError, KeyError, TypeError)) as error:
        to_keys(secret)
    assert "sk-1" not in str(error.value)
