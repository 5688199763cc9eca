"""Claude at Google: Anthropic's messages, asked in Vertex AI's way. https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude"""

from urllib.parse import quote

from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.written import to_bytes
from .body import READS, betas, lack, to_body
from .messages import STREAMED, from_body, to_chunks

VERSION = "vertex-2023-10-16"
METHODS = {True: "streamRawPredict", False: "rawPredict"}


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    """The model stands in the address alone."""
    streamed = "streaming" in target.capabilities
    url = f"{provider.base_url}/publishers/anthropic/models/{quote(target.model, safe='@')}:{METHODS[streamed]}"
    headers = {"content-type": "application/json", "accept": STREAMED[streamed], "accept-encoding": "identity", **betas(request)}
    body = {"anthropic_version": VERSION, **to_body(request, target, max_tokens)}
    return HttpRequest("POST", url, headers, to_bytes(body))


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    return lack(request, target, urls=False)


WIRE = Wire(
    to_http=to_http,
    to_chunks=to_chunks,
    from_body=from_body,
    carries=frozenset({"top_k", "parallel_tool_calls"}),
    reads=READS,
    lacks=lacks,
)
