"""What operators' tables look like, whatever callers call themselves."""

from ops.table import columns


def test_a_name_moves_no_cursor_breaks_no_row_and_turns_nothing_round():
    told = columns([("name", "of"), ("\x1b[31mred", "t"), ("a\nb", "t"), ("\u202eevil", "t"), ("Zoë", "t")])
    assert [line.split() for line in told] == [["name", "of"], [r"\x1b[31mred", "t"], [r"a\nb", "t"], [r"\u202eevil", "t"], ["Zoë", "t"]]
    assert len({line.rindex(" ") for line in told}) == 1
