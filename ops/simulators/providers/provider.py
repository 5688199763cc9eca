"""All that the server knows of a provider."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..bill import PRICES, Prices
from ..exchange import Answer, Ask, Frame, Stamp
from ..http import Request


@dataclass(frozen=True, slots=True)
class Provider:
    """`read` and `models` raise `Rejected`; `error` writes the body, and its content type, of a status that was told to it.

    `garbled` spoils the bytes of an answer or of a frame so that no parser takes them.
    """

    name: str
    completions: re.Pattern[str]  # paths are below /<name>
    listing: str
    stream_type: str
    read: Callable[[Request], Ask]
    models: Callable[[Request], bytes]
    whole: Callable[[Ask, Answer, Stamp], bytes]
    frames: Callable[[Ask, Answer, Stamp], list[Frame]]
    error: Callable[[int], tuple[str, bytes]]
    not_found: Callable[[Request], bytes]
    garbled: Callable[[bytes], bytes]
    headers: Callable[[Stamp], Mapping[str, str]]

    def prices(self, model: str) -> Prices:
        return PRICES["sim" if model.startswith("sim-") else model]
