"""Who is sampled, and what patterns of one's own may be."""

import pytest

from signalbox.capture.patterns import own
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


@pytest.mark.parametrize("text", [r"E\d{6}", r"(?:ab|cd){1,5}x", r"EMP-[0-9]{4,8}(?=\b)", r"(?i:kunde) ?\d{3,9}"])
def test_a_pattern_of_ones_own(text):
    assert own("mine", text).pattern == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"(a+)+$", "without a bound"),
        (r"a*", "without a bound"),
        (r"(?:a{1,100}){1,100}b", "ways"),
        (r"\w{1,40}\w{1,40}\w{1,40}!", "ways"),
        (r"(?:a|aa){1,200}b", "ways"),
        (r"(a)\1", "refers back"),
        (r"a{0,5}", "empty"),
        (r"(", "no regular expression"),
        ("a" * 201, "200 are the most"),
    ],
)
def test_one_that_could_take_long_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        own("mine", text)


def test_its_name_is_a_name():
    with pytest.raises(ValueError, match="name"):
        own("Not a name", "x")
