"""What patterns of one's own may be: such as no text makes slow."""

import time

import pytest

from signalbox.guardrails.patterns import MOST, own, owned


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
        (r"\w+@", "without a bound"),
        (r"x[\s\S]*?y", "without a bound"),
        (r"(", "no regular expression"),
        ("a" * 501, "500 are the most"),
    ],
)
def test_one_that_could_take_long_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        own("mine", text)


def test_its_name_is_a_name():
    with pytest.raises(ValueError, match="name"):
        own("Not a name", "x")


def test_together_they_may_take_no_longer_than_one():
    many = {f"p{number}": r"\w{1,100}X" for number in range(10)}
    assert list(owned(many)) == list(many)
    with pytest.raises(ValueError, match=r"p0, .*p10 can match in 1,100 ways"):
        owned(many | {"p10": r"\w{1,100}X"})
    assert owned({f"p{number}": "x" for number in range(MOST)})
    with pytest.raises(ValueError, match="20 are the most"):
        owned({f"p{number}": "x" for number in range(MOST + 1)})


@pytest.mark.parametrize(
    "pattern", [r"\w{1,31}\w{1,31}!", r"(?:a|aa|aaa){1,6}!", r"(?:a{1,9}){1,3}!", r"(?:a{0,1}){0,9}a!", r"(?i:a){1,256}!"]
)
def test_what_is_taken_is_soon_done_with_a_text_made_to_be_slow(pattern):
    try:
        taken = own("mine", pattern)
    except ValueError as refused:
        assert "ways" in str(refused)  # noqa: PT017
        return
    began = time.process_time()
    assert not taken.search("a" * 100_000)
    assert time.process_time() - began < 5
