"""AWS's own client, and keys signed as Google's are, against the simulators over HTTP."""

import base64
import json
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlencode

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ops.simulators.providers.aws_signature import SECRETS
from ops.simulators.providers.google_identity import service_account
from ops.simulators.providers.google_token import ENDPOINT, GRANT

from .conftest import DEADLINE_S

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HELLO = [{"role": "user", "content": [{"text": "say: hello world"}]}]
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
VERTEX = "/vertex/v1/projects/p/locations/us-east5/publishers/"
CLAUDE = VERTEX + "anthropic/models/claude-sonnet-4-5@20250929:"
GEMINI = VERTEX + "google/models/gemini-2.5-flash:"


@pytest.fixture
def bedrock(upstream):
    """A maker of clients, all of which are closed in the end."""
    with ExitStack() as clients:
        yield lambda *pair: clients.enter_context(closing(client(upstream.port, *pair)))


def streamed(client, **more):
    """Every event; what fails on the way is raised, and its connection closed."""
    with closing(client.converse_stream(modelId=SONNET, **({"messages": HELLO} | more))["stream"]) as stream:
        return list(stream)


def client(port, key="AKIASIMULATED", secret=SECRETS["AKIASIMULATED"]):
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}/bedrock",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )


def test_converse(upstream, bedrock):
    reply = bedrock().converse(modelId=SONNET, messages=HELLO)
    assert (reply["output"]["message"]["content"], reply["stopReason"]) == ([{"text": "hello world"}], "end_turn")
    call = upstream.last_call()
    assert (call["operation"], call["model"], call["usage_delivered"]) == ("converse", SONNET, True)
    assert call["cost_nanousd"] == reply["usage"]["inputTokens"] * 3000 + reply["usage"]["outputTokens"] * 15_000


def test_a_stream_with_a_call_and_reasoning(upstream, bedrock):
    tool = {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object", "properties": {"zone": {"type": "string"}}}}}}
    events = streamed(
        bedrock(),
        messages=[{"role": "user", "content": [{"text": 'call clock {"zone": "UTC"}'}]}],
        toolConfig={"tools": [tool]},
        inferenceConfig={"maxTokens": 2000},
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1024}},
    )
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert json.loads("".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)) == {"zone": "UTC"}
    assert any("signature" in delta.get("reasoningContent", {}) for delta in deltas)
    call = upstream.last_call()
    assert (events[-1]["metadata"]["usage"]["outputTokens"], call["outcome"]) == (call["output_tokens"], "served")
    assert call["reasoning_tokens"] == 128


@pytest.mark.parametrize(
    ("key", "secret", "kind"),
    [
        ("AKIASIMULATED", "not it", "InvalidSignatureException"),
        ("AKIABAD1", "any", "UnrecognizedClientException"),
    ],
)
def test_a_signature_is_checked(bedrock, key, secret, kind):
    with pytest.raises(ClientError) as refused:
        bedrock(key, secret).converse(modelId=SONNET, messages=HELLO)
    assert (refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (kind, 403)


def test_of_an_unknown_key_only_the_form_of_the_signature_is_checked(upstream, bedrock):
    assert bedrock("ASIAROLE", "of some role").converse(modelId="sim-x", messages=HELLO)["stopReason"] == "end_turn"
    answer = upstream.post("/bedrock/model/sim-x/converse", {"messages": HELLO}, key="", headers={"authorization": "AWS4-HMAC-SHA256 x"})
    assert (answer.status, json.loads(answer.read())["__type"]) == (403, "IncompleteSignatureException")


def test_the_models_own_errors_come_in_the_stream_and_before_it(upstream, bedrock):
    upstream.fault("bedrock", status=429, times=1)
    with pytest.raises(ClientError) as limited:
        bedrock().converse(modelId=SONNET, messages=HELLO)
    assert limited.value.response["Error"]["Code"] == "ThrottlingException"
    upstream.fault("bedrock", error_in_stream=429, error_after_chunks=2, times=1)
    with pytest.raises(EventStreamError, match="throttlingException"):
        streamed(bedrock())
    assert upstream.last_call()["outcome"] == "error"
    upstream.fault("bedrock", malformed=True, times=1)
    with pytest.raises(ChecksumMismatch):
        streamed(bedrock())


def test_what_is_cached_for_an_hour_is_billed_so(upstream, bedrock):
    system = [{"text": f"{time.monotonic_ns()} " + "word " * 1500}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    first, second = (bedrock().converse(modelId=SONNET, system=system, messages=HELLO)["usage"] for _ in range(2))
    written = first["cacheWriteInputTokens"]
    assert (first["cacheDetails"], second["cacheReadInputTokens"]) == ([{"ttl": "1h", "inputTokens": written}], written)
    costs = [call["cost_nanousd"] for call in upstream.calls()]
    assert costs[0] - costs[1] == written * (6000 - 300)


def test_embeddings_by_invoke(upstream, bedrock):
    client = bedrock()
    titan = client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "hello", "dimensions": 256}))
    body = json.loads(titan["body"].read())
    assert (len(body["embedding"]), body["inputTextTokenCount"]) == (256, 2)
    asked = {"texts": ["hello", "you"], "input_type": "search_query"}
    cohere = client.invoke_model(modelId="cohere.embed-english-v3", body=json.dumps(asked))
    assert [len(vector) for vector in json.loads(cohere["body"].read())["embeddings"]] == [1024, 1024]
    assert cohere["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"] == "3"
    assert upstream.last_call()["cost_nanousd"] == 300


def assertion(**changes):
    account = service_account()
    now = int(time.time())
    claims = {"iss": account["client_email"], "scope": SCOPE, "aud": ENDPOINT, "iat": now, "exp": now + 3600} | changes
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    key = load_pem_private_key(account["private_key"].encode(), None)
    signed = key.sign(b".".join(parts), PKCS1v15(), SHA256())
    return b".".join([*parts, base64.urlsafe_b64encode(signed).rstrip(b"=")]).decode()


def exchange(upstream, claim, grant=GRANT):
    form = urlencode({"grant_type": grant, "assertion": claim})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    with closing(HTTPConnection("127.0.0.1", upstream.port, timeout=DEADLINE_S)) as connection:
        connection.request("POST", "/google_token/token", form, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_signed_claim_gets_the_token_that_vertex_takes(upstream):
    status, told = exchange(upstream, assertion())
    assert (status, told["token_type"]) == (200, "Bearer")
    asked = {"contents": [{"role": "user", "parts": [{"text": "say: hello"}]}]}
    answer = upstream.post(GEMINI + "generateContent", asked, key=told["access_token"])
    assert json.loads(answer.read())["candidates"][0]["content"]["parts"][0]["text"] == "hello"
    body = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "say: hi"}]}
    streamed = upstream.post(CLAUDE + "streamRawPredict", body, key=told["access_token"])
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert b'"text":"hi"' in streamed.read()
    assert upstream.last_call()["cost_nanousd"] > 0
    assert upstream.post(GEMINI + "generateContent", asked, key="x").status == 401


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"iss": "stranger@example.com"}, "Invalid grant: account not found"),
        ({"aud": "https://example.com"}, "Invalid JWT: Failed audience check."),
        ({"exp": 1}, "Invalid JWT: Token must be a short-lived token"),
        ({"scope": "email"}, "Invalid OAuth scope"),
    ],
)
def test_a_wrong_claim_gets_none(upstream, changes, told):
    status, answer = exchange(upstream, assertion(**changes))
    assert (status, answer["error_description"][: len(told)]) == (400, told)


def test_a_claim_that_was_changed_or_comes_by_another_grant_gets_none(upstream):
    head, _, seal = assertion().split(".")
    claims = assertion(iat=int(time.time()) - 1).split(".")[1]
    assert exchange(upstream, f"{head}.{claims}.{seal}")[1]["error_description"] == "Invalid JWT Signature."
    assert exchange(upstream, assertion(), grant="password")[1]["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    ("provider", "path", "body", "headers"),
    [
        (
            "anthropic",
            "/v1/messages",
            {"model": "sim-x", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]},
            {},
        ),
        ("gemini", "/v1beta/models/sim-x:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "hi"}]}]}, {}),
    ],
)
def test_an_error_in_the_stream_is_the_providers_own_and_bills_nothing_before_the_first_chunk(upstream, provider, path, body, headers):
    keys = {"anthropic-version": "2023-06-01", "x-api-key": "k", "x-goog-api-key": "k"}
    upstream.fault(provider, error_in_stream=529 if provider == "anthropic" else 503, times=1)
    answer = upstream.post(f"/{provider}{path}", body, headers=keys | headers)
    error = json.loads(answer.read().split(b"data: ")[-1])["error"]
    assert (answer.status, error.get("type") or error["status"]) == (200, "overloaded_error" if provider == "anthropic" else "UNAVAILABLE")
    assert (upstream.last_call()["outcome"], upstream.last_call()["cost_nanousd"]) == ("error", 0)
    upstream.fault(provider, bad_keys=["k"], limited_keys=["other"], times=1)
    answer = upstream.post(f"/{provider}{path}", body, headers=keys | headers)
    answer.read()
    assert answer.status == (401 if provider == "anthropic" else 403)
