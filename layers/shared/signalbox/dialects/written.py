"""The JSON of our answers, in its shortest form. A stream writes it for each chunk, so that its encoder is made once.

What is written is made of what was read, in which nothing can hold itself: nobody looks for that.
"""

import json
from json.encoder import encode_basestring_ascii
from typing import Any

JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def dumped(value: Any) -> bytes:
    return JSON.encode(value).encode()


def quoted(text: str) -> bytes:
    """The same as `dumped` of a text, without asking first what it is."""
    return encode_basestring_ascii(text).encode()
