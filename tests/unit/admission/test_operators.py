"""What an admin key may do, by its row."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.keys import KeyRing
from signalbox.admission.operators import PERMISSIONS, ROUTING, USAGE, Operator, authenticate_admin, known, to_operator
from signalbox.errors import Refusal

ALL = frozenset(PERMISSIONS)
ROWS = [
    ("ann", ALL),
    ({"name": "ann"}, ALL),
    ({"name": "ann", "permissions": list(PERMISSIONS)}, ALL),
    ({"name": "ann", "permissions": [USAGE, ROUTING]}, {USAGE, ROUTING}),
    ({"name": "ann", "permissions": [USAGE, "what there is not"]}, {USAGE}),
    ({"name": "ann", "permissions": []}, set()),
    ({"name": "ann", "permissions": None}, set()),
    ({"name": "ann", "permission": [USAGE]}, set()),  # it was to have less than everything
    ({"name": "ann", "permissions": dict.fromkeys(PERMISSIONS, False)}, set()),
]


@pytest.mark.parametrize(("row", "permissions"), ROWS)
def test_both_forms_of_a_row_are_read(row, permissions):
    assert to_operator(row) == Operator("ann", frozenset(permissions))


@pytest.mark.parametrize("row", ["", {}, {"permissions": [USAGE]}, {"name": 7}, {"name": ""}, None, [], ["ann"], 7])
def test_a_row_that_names_nobody_lets_nobody_in(row):
    with pytest.raises(Refusal, match="not understood: name"):
        to_operator(row)


SOMETHING = st.none() | st.booleans() | st.integers() | st.text()


@given(SOMETHING | st.lists(SOMETHING) | st.dictionaries(st.sampled_from(PERMISSIONS), SOMETHING))
def test_nothing_but_a_permissions_own_name_gives_it(said):
    assert known(said) == frozenset()


@given(st.lists(st.sampled_from(PERMISSIONS) | st.text(alphabet="abc:", max_size=5)))
def test_a_list_and_its_words_say_the_same(names):
    assert known(names) == known(" ".join(names)) == ALL & set(names)


def test_an_admin_key_is_known_by_its_digest():
    ring = KeyRing(b"m", {}, {hashlib.sha256(b"ak-ann").hexdigest(): {"name": "ann", "permissions": [USAGE]}})
    assert authenticate_admin("ak-ann", ring) == Operator("ann", frozenset({USAGE}))
    for bearer in (None, "", "ak-bob", "é"):
        with pytest.raises(Refusal, match="This needs an admin key"):
            authenticate_admin(bearer, ring)
