"""What commands read: a text that is not UTF-8 is told so, wherever it comes from."""

import io
import sys
from pathlib import Path

import pytest

from ops import documents
from ops.trouble import Trouble


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_what_is_not_utf8_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: \xe4\n"), "utf-8", errors))
    with pytest.raises(Trouble, match="the standard input is not UTF-8"):
        documents.read(documents.STDIN)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe4\n")
    with pytest.raises(Trouble, match=r"latin\.yaml is not UTF-8"):
        documents.read(tmp_path / "latin.yaml")
