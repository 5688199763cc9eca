"""Claude at Google: Anthropic's messages, asked in Vertex AI's way. https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude"""

from urllib.parse import quote

from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack
from ..formats.written import to_bytes
from . import messages
from .body import betas, lack, to_body

VERSION = "vertex-2023-10-16"
METHODS = {True: "streamRawPredict", False: "rawPredict"}


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    """The model stands in the address alone."""
    streamed = "streaming" in target.capabilities
    url = f"{provider.base_url}/publishers/anthropic/models/{quote(target.model, safe='@')}:{METHODS[streamed]}"
    headers = {"content-type": "application/json", "accept": messages.STREAMED[streamed], "accept-encoding": "identity", **betas(request)}
    body = {"anthropic_version": VERSION, **to_body(request, target, max_tokens)}
    return HttpRequest("POST", url, headers, to_bytes(body))


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    return lack(request, target, urls=False)


WIRE = messages.WIRE._replace(to_http=to_http, lacks=lacks)
