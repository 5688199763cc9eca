"""A provider's secret is keys or it is nothing."""

import pytest

from signalbox.aws.keys import to_keys
from signalbox.aws.secret_cache import FRESH_S, REREAD_AFTER_S, SecretCache


class Clock:
    at_s = 1_000_000.0

    def __call__(self):
        return self.at_s


@pytest.fixture
def clock():
    return Clock()


def test_keys_are_read_in_their_order():
    assert to_keys('{"keys": ["sk-1", "sk-2"]}') == ["sk-1", "sk-2"]


@pytest.mark.parametrize(
    "secret", ["sk-1", "{}", "[]", '"sk"', '{"keys": "sk-1"}', '{"keys": [1]}', '{"keys": ["a\\nb"]}', '{"keys": ["ä"]}']
)
def test_anything_else_is_refused_without_a_word_of_it(secret):
    with pytest.raises((ValueError, KeyError, TypeError)) as error:
        to_keys(secret)
    assert "sk-1" not in str(error.value)


def test_a_refused_key_is_looked_up_at_once_and_then_once_a_minute(aws, boto, clock):
    """However lately it was read, somebody may have changed it since; refused again and again, it costs no call again and again."""
    stored = boto("secretsmanager")
    stored.create_secret(Name="p/rotated", SecretString='{"keys": ["sk-1"]}')
    cache = SecretCache(aws, to_keys, clock)
    assert cache.get("p/rotated") == ["sk-1"]
    stored.put_secret_value(SecretId="p/rotated", SecretString='{"keys": ["sk-2"]}')
    assert cache.get("p/rotated") == ["sk-1"]
    assert cache.get("p/rotated", True) == ["sk-2"]
    stored.put_secret_value(SecretId="p/rotated", SecretString='{"keys": ["sk-3"]}')
    assert cache.get("p/rotated", True) == ["sk-2"]
    clock.at_s += REREAD_AFTER_S + 1
    assert cache.get("p/rotated", True) == ["sk-3"]


def test_a_deleted_secret_is_forgotten_and_one_that_cannot_be_read_is_not(aws, boto, clock):
    stored = boto("secretsmanager")
    stored.create_secret(Name="p/gone", SecretString='{"keys": ["sk-1"]}')
    cache = SecretCache(aws, to_keys, clock)
    cache.get("p/gone")
    stored.put_secret_value(SecretId="p/gone", SecretString="spoilt")
    assert cache.get("p/gone", True) == ["sk-1"]
    stored.delete_secret(SecretId="p/gone", ForceDeleteWithoutRecovery=True)
    clock.at_s += FRESH_S + 100
    cache.refresh()
    assert cache.get("p/gone") is None
