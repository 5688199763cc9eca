"""Signatures of one provider's reasoning, carried through a client that speaks another's dialect.

A signature of the dialect's own family goes as it is. Another's is packed into one text, `sb1.<family>.<id>.<text>`, so that it comes
back as what it was: a wire sends only those of its own family, and never this text to a provider that could not have written it.
"""

from urllib.parse import quote, unquote

from ..request import Signature

MARK = "sb1"
FAMILIES = frozenset({"anthropic", "google", "openai"})


def pack(signature: Signature, own_family: str) -> str:
    """What the dialect of `own_family` shows for it. Its own keep their id elsewhere, where they have one."""
    if signature.family == own_family:
        return signature.text
    return f"{MARK}.{signature.family}.{quote(signature.id or '', safe='').replace('.', '%2E')}.{signature.text}"


def unpack(text: str, own_family: str) -> Signature:
    """What `pack` made into text. Whatever else a client sends is taken for its own family's, which judges it itself."""
    mark, *rest = text.split(".", 3)
    if mark == MARK and len(rest) == 3 and rest[0] in FAMILIES:
        family, id, packed = rest
        return Signature(family, packed, unquote(id) or None)
    return Signature(own_family, text)
