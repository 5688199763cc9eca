"""A signature that travels through a client of another family comes back as what it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.dialects.signatures import FAMILIES, pack, unpack
from signalbox.request import Signature

families = st.sampled_from(sorted(FAMILIES))
texts = st.text()


@given(families, families, texts, texts)
def test_a_foreign_one_comes_back_whole(family, own, text, id):
    signature = Signature(family, text, id or None)
    if family != own:
        assert unpack(pack(signature, own), own) == signature


@given(families, texts.filter(lambda text: not text.startswith("sb1.")))
def test_its_own_goes_and_comes_as_it_is(own, text):
    assert pack(Signature(own, text), own) == text
    assert unpack(text, own) == Signature(own, text)


def test_the_packed_form_is_as_agreed():
    assert pack(Signature("openai", "gAAAA.b", "rs_1"), "anthropic") == "sb1.openai.rs_1.gAAAA.b"
    assert pack(Signature("google", "CiQ="), "anthropic") == "sb1.google..CiQ="


@pytest.mark.parametrize("text", ["", "sb1", "sb1.openai", "sb1.openai.x", "sb1.nobody..x", "sb2.openai..x"])
def test_what_was_not_packed_is_taken_for_its_own(text):
    assert unpack(text, "anthropic") == Signature("anthropic", text)
