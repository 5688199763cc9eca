"""An HTTP request as plain data: what providers write and the edge sends."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class HttpRequest(NamedTuple):
    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
