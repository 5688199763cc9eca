"""Azure OpenAI: OpenAI's formats at a deployment's own address, with the verdicts of a content filter, and Microsoft's tokens for access.

https://learn.microsoft.com/azure/ai-services/openai/reference  https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from ..exchange import Answer, Ask, Frame, Rejected, Stamp
from ..http import Request
from .access_token import LASTS_S, is_valid, issued
from .openai import DIMENSIONS, chunks, completion
from .openai_chat import Chunk, to_frames
from .openai_checks import ANY_SIM, MODELS, Model, checked_body
from .openai_embeddings import embeddings
from .provider import Operation, Provider
from .wire import JSON_TYPE, bearer, dumped, mark

Json = dict[str, Any]

ENTRA = "entra"
API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?|preview|latest")
CATEGORIES = ("hate", "self_harm", "sexual", "violence")
BLOCKED = re.compile(r"\bcontent_filter\b")  # a prompt with this in it does not pass
DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and "
    "use a correct regional API endpoint for your resource."
)
ERRORS = {
    401: ("401", DENIED),
    404: ("DeploymentNotFound", "The API deployment for this resource does not exist."),
    408: ("Timeout", "The operation was timeout."),
    429: ("429", "Requests to the ChatCompletions_Create Operation have exceeded the token rate limit of your current pricing tier."),
    500: ("InternalServerError", "The server had an error while processing your request. Sorry about that!"),
    503: ("ServiceUnavailable", "The service is temporarily unable to process your request. Please try again later."),
}


def error(status: int) -> tuple[str, bytes]:
    code, message = ERRORS.get(status, ERRORS[500] if status >= 500 else ("BadRequest", "We could not process this request."))
    return JSON_TYPE, dumped({"error": {"code": code, "message": message}})


def error_event(status: int) -> bytes:
    return b"data: " + error(status)[1] + b"\n\n"


def api_key(request: Request) -> str:
    return request.headers.get("api-key", "") or bearer(request)


def check_access(request: Request) -> None:
    """A key or a token of Microsoft's, then the version of the API, without which nothing is there."""
    key, token = request.headers.get("api-key", ""), bearer(request)
    if not (key and not key.startswith("sk-bad")) and not is_valid(ENTRA, token):
        raise Rejected(401, error(401)[1])
    if not API_VERSION.fullmatch(request.query.get("api-version", "")):
        raise Rejected(404, dumped({"error": {"code": "404", "message": "Resource not found"}}))


def deployed(name: str) -> Model:
    """Deployments are named as the models are."""
    if name not in MODELS and not name.startswith("sim-"):
        raise Rejected(404, error(404)[1])
    return MODELS.get(name, ANY_SIM)


def not_deployed(rejected: Rejected) -> Rejected:
    return Rejected(404, error(404)[1]) if rejected.status == 404 else rejected


def checked(request: Request) -> Ask:
    check_access(request)
    ask = checked_body(request.body, deployed, request.named["deployment"])
    if BLOCKED.search(ask.prompt):
        raise Rejected(400, filtered())
    return replace(ask, include_obfuscation=False)


def filtered() -> bytes:
    results = verdicts() | {"violence": {"filtered": True, "severity": "high"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    told = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
    said = {"message": told, "type": None, "param": "prompt", "code": "content_filter", "status": 400}
    return dumped({"error": said | {"innererror": inner}})


def verdicts() -> Json:
    return {category: {"filtered": False, "severity": "safe"} for category in CATEGORIES}


def prompt_verdicts() -> list[Json]:
    jailbreak = {"jailbreak": {"filtered": False, "detected": False}}
    return [{"prompt_index": 0, "content_filter_results": verdicts() | jailbreak}]


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    reply = completion(ask, answer, stamp)
    choices = [choice | {"content_filter_results": verdicts()} for choice in reply["choices"]]
    return dumped(reply | {"choices": choices, "prompt_filter_results": prompt_verdicts()})


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    """Before everything else comes what the filter thinks of the prompt, in a chunk without choices or a name."""
    first: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": prompt_verdicts()}
    return to_frames([Chunk(first), *(_judged(chunk) for chunk in chunks(ask, answer, stamp))])


def _judged(chunk: Chunk) -> Chunk:
    choices = [
        choice | {"content_filter_results": verdicts() if choice["delta"].get("content") else {}} for choice in chunk.value["choices"]
    ]
    return chunk._replace(value=chunk.value | {"choices": choices})


def not_found(request: Request) -> bytes:
    return dumped({"error": {"code": "404", "message": "Resource not found"}})


def headers(stamp: Stamp) -> Mapping[str, str]:
    request_id = mark(stamp.seed, "request", length=32)
    return {"apim-request-id": request_id, "x-ms-region": "Sweden Central", "x-request-id": request_id}


def read_grant(request: Request) -> Ask:
    """Client credentials, as a form."""
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("grant_type") != "client_credentials":
        raise _no_token(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
    if not form.get("client_id") or not form.get("client_secret"):
        raise _no_token(401, "invalid_client", 7000218, "The request body must contain: 'client_id' and 'client_secret'.")
    if form["client_secret"].startswith("sk-bad"):
        raise _no_token(401, "invalid_client", 7000215, "Invalid client secret provided.")
    if not form.get("scope", "").endswith("/.default"):
        raise _no_token(400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
    return Ask("", "", (), writes=False)


def _no_token(status: int, name: str, number: int, message: str) -> Rejected:
    return Rejected(status, dumped({"error": name, "error_description": f"AADSTS{number}: {message}", "error_codes": [number]}))


def grant(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    lasts = LASTS_S - 1
    return dumped({"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": issued(ENTRA, lasts)})


def grant_error(status: int) -> tuple[str, bytes]:
    told = "temporarily_unavailable" if status >= 500 or status == 429 else "invalid_client"
    return JSON_TYPE, dumped({"error": told, "error_description": "AADSTS90033: A transient error has occurred.", "error_codes": [90033]})


DEPLOYMENT = r"/openai/deployments/(?P<deployment>[^/]+)"

AZURE = Provider(
    "azure",
    (
        Operation("chat", re.compile(f"{DEPLOYMENT}/chat/completions"), checked, whole, error, frames, error_event),
        embeddings(re.compile(f"{DEPLOYMENT}/embeddings"), DIMENSIONS, check_access, error, not_deployed, named="deployment", lax=False),
    ),
    not_found,
    headers=headers,
    key=api_key,
)
ENTRA_TOKEN = Provider(
    "entra_token",
    (Operation("token", re.compile(r"/[\w.-]+/oauth2/v2\.0/token"), read_grant, grant, grant_error),),
    lambda request: dumped({"error": "invalid_request"}),
)
