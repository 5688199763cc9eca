"""Who is sampled, and for how long."""

import pytest

from signalbox.capture.terms import Terms

IDS = [f"req_{number:027x}" for number in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.25, 1.0])
def test_a_share_is_a_share(share):
    taken = sum(Terms(share, 7).takes(id) for id in IDS)
    assert taken == pytest.approx(share * len(IDS), rel=0.2)


def test_the_same_request_is_told_the_same_and_more_are_taken_for_a_larger_share():
    small, large = Terms(0.1, 7), Terms(0.3, 7)
    assert {id for id in IDS if small.takes(id)} < {id for id in IDS if large.takes(id)}
    assert not any(Terms(0, 7).takes(id) for id in IDS)


def test_it_expires_after_its_days():
    assert Terms(1, 7).expires_at(1_000_500) == 1_000 + 7 * 86_400
