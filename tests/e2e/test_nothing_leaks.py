"""Keys and prompts are planted wherever there is a place for them, everything goes wrong, and then all that was written is searched.

Secrets Manager's own store is the one place for a provider's key, and there is none for a caller's key, a prompt or an answer; of captured
routes there are samples, sealed, and in these nothing that is redacted.
"""

import base64
import gzip
import itertools
import json
import os
import re
import subprocess
import sys
import urllib.parse
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.simulators.providers.google_identity import service_account

from .published import followed
from .stack import PLAIN, ROOT, Stack, own_port
from .waiting import eventually

SHARED = ("sk-planted-Shared0ne-b1f0c3", "planted.shared-two.77ab")  # of every shape: one that looks like a key, one like a name
OWN = "sk-planted-0wn-9e21d7"
FROM_ENVIRONMENT = "planted-env-4c5d6e"
ENTRA = "planted~entra.Secret-31ab"
MISPLACED = "sk-planted-misplaced-5d1c09"
PROMPT, ANSWER = "planted-prompt about the Zanzibar merger", "planted-answer of the Zanzibar oracle"
# What samples are to be rid of by redactors that there are, and the subject by the routes' own, which does not spell it.
PRIVATE = {
    "an email": "planted.ada@zanzi.example.com",
    "a card": "4111 1111 1111 1111",
    "a phone": "+49 30 5551234",
    "a name": "Plantagenet",
}
CAPTURE = "{{share: 1, days: 1, own: {{subject: 'Z.nzibar'}}}}"
PRICES = "{input: 1, output: 2, source: 'https://example.com', as_of: 2026-11-21}"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}

SLOW: tuple[dict[str, Any], ...] = ({"latency_ms": 5_000}, {"chunk_ms": 5_000})
FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"status": 400, "echo": True},
    {"status": 401, "echo": True},
    {"status": 404, "echo": True},
    {"status": 413, "echo": True},
    {"status": 429, "echo": True, "retry_after_s": 0.01},
    {"status": 500, "echo": True},
    {"status": 529, "echo": True},
    {"bad_keys": list(SHARED), "echo": True},
    {"limited_keys": [*SHARED, OWN], "echo": True},
    {"error_in_stream": True, "echo": True},
    {"error_in_stream": 400, "echo": True},
    {"error_after_chunks": 3, "echo": True},
    {"cut_after_chunks": 0},
    {"cut_after_chunks": 3},
    {"malformed": True},
    *SLOW,
)
AT_ONCE = 3
MODELS = {
    "openai": "openai/gpt-4o-mini",
    "mistral": "mistral/mistral-small-latest",
    "anthropic": "anthropic/claude-sonnet-4-5-20250929",
    "gemini": "gemini/gemini-3-pro",
    "perplexity": "perplexity/sonar",
    "bedrock": "bedrock/anthropic.claude-sonnet-4-5-20250929",
    "vertex": "vertex/gemini-3-pro",
    "azure": "azure/gpt-4o-mini",
    "groq": "groq/openai/gpt-oss-120b",
}
CAPTURED = {name: f"captured-{name}" for name in MODELS}
ADDED = {
    "routes": tuple(f"{CAPTURED[name]}: {{{{targets: [{id}], capture: {CAPTURE}}}}}" for name, id in MODELS.items()),
    "providers": (
        "azure: {{options: {{api_version: 2024-10-21}}, base_url: {sim}/azure, auth: entra}}",
        "vertex: {{base_url: {sim}/vertex/v1/projects/p/locations/l}}",
    ),
    "models": tuple(
        f"{id}: {{{{context_window: 128000, max_output_tokens: 16384, capabilities: [tools, streaming], prices: {{{PRICES}}}}}}}"
        for id in ("azure/gpt-4o-mini", "vertex/gemini-3-pro")
    ),
}


@pytest.fixture
def stack(tmp_path):
    """One of its own, which saves its state when it is stopped; a provider's key and the simulators' address are in its environment."""
    port = str(own_port())
    real = {"GROQ_API_KEY": FROM_ENVIRONMENT, "GROQ_BASE_URL": f"http://127.0.0.1:{port}/groq/openai/v1"}
    stack = Stack(tmp_path / "home", SIM_PORT=port, **real)
    try:
        stack.start()
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()


COMMANDS = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from ops import cli

done = []
for words, given in json.load(sys.stdin):
    sys.stdin = io.StringIO(given)
    with redirect_stdout(io.StringIO()) as told, redirect_stderr(told):
        status = cli.main(words)
    done.append((status, told.getvalue()))
print(json.dumps(done))
"""


def signalbox(stack, *commands):
    """(exit status, what was printed) of each of (words, stdin). In one process: on a busy machine each takes seconds to begin."""
    given = json.dumps([(words.split(), stdin) for words, stdin in commands])
    run = [sys.executable, "-c", COMMANDS]
    return json.loads(subprocess.run(run, cwd=ROOT, env=stack.environment, input=given, capture_output=True, text=True, timeout=600).stdout)


SERVED = "served"
THEIR_OWN = ("the answer", "their subject")  # which whoever asked gets, also where it breaks off


class Said:
    """All that clients and operators were answered, and what the commands printed."""

    def __init__(self):
        self.texts = {}
        self._numbers = itertools.count()

    def note(self, what, answer):
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        status = SERVED if answer.is_success else str(answer.status_code)
        self.texts[f"{status} {what} ({next(self._numbers)})"] = f"{head}\n{answer.text}"
        return answer

    def ran(self, done):
        """The exit statuses."""
        self.texts |= {f"command ({next(self._numbers)})": told for _, told in done}
        return [status for status, _ in done]


def bodies(model):
    """The same question in every dialect, as (path, body)."""
    say = f"{PROMPT}. My name is {', '.join(reversed(PRIVATE.values()))}. say: {ANSWER}"
    messages = [{"role": "user", "content": say}]
    yield "/v1/chat/completions", {"model": model, "messages": messages, "tools": [TOOL]}
    yield "/v1/responses", {"model": model, "input": say}
    yield "/v1/messages", {"model": model, "messages": messages, "max_tokens": 100}
    yield "/v1/completions", {"model": model, "prompt": say}


def wrong(model):
    """Requests that are refused for what they hold."""
    for bad in (
        {"messages": PROMPT},
        {"temperature": PROMPT},
        {"tools": [{"type": PROMPT}]},
        {"response_format": PROMPT},
        {"stop": [1, PROMPT]},
    ):
        yield "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": PROMPT}]} | bad
    yield "/v1/chat/completions", {"model": model, "messages": [{"role": PROMPT, "content": PROMPT}]}
    yield "/v1/responses", {"model": model, "input": [{"type": PROMPT}]}
    yield "/v1/messages", {"model": model, "messages": [{"role": "user", "content": [{"type": PROMPT}]}], "max_tokens": 9}
    yield "/v1/embeddings", {"model": model, "input": PROMPT}
    yield "/v1/embeddings", {"model": "text-embedding-3-small", "input": [PROMPT, {"text": PROMPT}]}


def misplaced(document):
    """Documents with a key where none belongs."""
    yield document.replace("  openai: {}", f"  openai: {{api_key: {MISPLACED}}}")
    yield document.replace("  openai: {}", f"  openai: {{secret: {MISPLACED}}}")
    yield document.replace("  openai: {}", f"  openai: {{secret: 'Bearer {MISPLACED}'}}")
    yield document.replace("  openai: {}", f"  openai: {{auth: {MISPLACED}}}")
    yield document.replace("  openai: {}", f"  openai: {{options: {{api_key: {MISPLACED}}}}}")
    yield document.replace("  openai: {}", f"  openai: {{base_url: 'https://user:{MISPLACED}@api.openai.com/v1'}}")
    yield document.replace("  openai: {}", f"  openai: {MISPLACED}")
    yield f"{MISPLACED}: [\n"


def publish_with_more(stack):
    text = stack.admin("GET", "/admin/config").json()["document"]
    for section, rows in ADDED.items():
        assert text.count(f"\n{section}:\n") == 1
        added = "".join(f"  {row}\n".format(sim=stack.sim_url) for row in rows)
        text = text.replace(f"\n{section}:\n", f"\n{section}:\n{added}")
    followed(stack, stack.admin("POST", "/admin/config/publish", {"document": text}).json()["version"], AT_ONCE)
    return text


def traffic(stack, said, keys):
    """Every fault at every provider; by whole and streamed requests, in every dialect, by captured routes and others, in turn."""
    with httpx.Client(base_url=stack.url, timeout=60, verify=PLAIN) as http:

        def ask(path, body, key, **headers):
            return said.note(path, http.post(path, json=body, headers={"authorization": f"Bearer {key}"} | headers))

        def ask_one(number, provider):
            asked = list(bodies(MODELS[provider])), list(bodies(CAPTURED[provider]))
            for turn, fault in enumerate(FAULTS):
                http.put(f"{stack.sim_url}/faults/{provider}", json=fault).raise_for_status()
                patience = {"x-signalbox-timeout-ms": "150"} if fault in SLOW else {}
                dialects = asked[(turn // 8 + number // 2) % 2]
                path, body = dialects[(turn + number) % len(dialects)]
                ask(path, body | {"stream": (turn // 4 + number) % 2 == 0}, keys[turn % len(keys)], **patience)
            http.delete(f"{stack.sim_url}/faults/{provider}").raise_for_status()

        with ThreadPoolExecutor(AT_ONCE) as pool:  # each has faults of its own
            for _ in pool.map(ask_one, *zip(*enumerate(MODELS), strict=True)):
                pass
        for path, body in wrong("openai/gpt-4o-mini"):
            assert ask(path, body, keys[0]).status_code == 400, body
        for key in (keys[0][:-3], keys[0] + "x", f"{keys[0]} {keys[0]}"):
            assert ask("/v1/chat/completions", {}, key).status_code == 401
        said.note("a path", http.get("/v1/nothing", headers={"authorization": f"Bearer {keys[0]}"}))


def operations(stack, said, admin_key, document):
    """What operators get wrong, with the key that one of them drew."""
    with httpx.Client(base_url=stack.url, timeout=30, verify=PLAIN, headers={"authorization": f"Bearer {admin_key}"}) as http:
        for text in misplaced(document):
            assert text != document
            assert said.note("publish", http.post("/admin/config/publish", json={"document": text})).status_code == 400, text[:3000]
        for path, body in (
            ("/admin/keys", {"name": "x", "tenant": MISPLACED + "/"}),
            ("/admin/keys", {"name": "x", "tenant": "x", "secret": MISPLACED}),
            ("/admin/tenants/acme/own_keys", {"own_keys": {"openai": MISPLACED}}),
            ("/admin/config/publish", {"document": document, "overrides": {"PROVIDERS__OPENAI__API_KEY": MISPLACED}}),
        ):
            method = "PUT" if "own_keys" in path else "POST"
            assert said.note(path, http.request(method, path, json=body)).status_code == 400
        said.note("forged", http.get("/admin/keys", headers={"authorization": f"Bearer {admin_key}x"}))
        started = http.post("/admin/rollbacks", json={"action": "disable_llm", "reason": "a drill"}).json()
        status = lambda id: http.get(f"/admin/rollbacks/{id}").json().get("status")  # noqa: E731
        eventually(lambda: status(started["id"]), "succeeded".__eq__)
        undo = http.post(f"/admin/rollbacks/{started['id']}/undo").json()
        eventually(lambda: status(undo["id"]), "succeeded".__eq__)


# ---------------------------------------------------------------- all that was written


def overhear(stack):
    """All that is put on the bus and told to SNS from now on, in a queue that is saved as the others are."""
    sqs, events = stack.aws("sqs"), stack.aws("events")
    queue = sqs.create_queue(QueueName="overheard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = {"EventBusName": stack.outputs["BusName"]}
    events.put_rule(Name="overheard", EventPattern=json.dumps({"source": ["signalbox"]}), **bus)
    events.put_targets(Rule="overheard", Targets=[{"Id": "queue", "Arn": arn}], **bus)
    stack.aws("sns").subscribe(TopicArn=stack.outputs["AlertTopicArn"], Protocol="sqs", Endpoint=arn)


def sampled(stack):
    return stack.aws("dynamodb").scan(TableName=stack.outputs["SampleTableName"])["Items"]


# What the stack saves of its AWS when it is stopped, by the file, and a word of each kind without which nothing was looked at.
SAVED = {
    "dynamodb.json": ("acme", "sealed:"),
    "sqs.json": ("overheard", "UsageRecorded"),
    "cloudwatch_logs.json": ("changed by an operator", "read by an operator"),
    "stepfunctions.json": ("a drill", "StateEntered"),
    "lambda.json": ("SIGNALBOX_FIELD_KEY",),
}


def files(home):
    """But for Secrets Manager's own, and for the layer, which the emulator unpacks anew for each container."""
    for folder, inner, names in os.walk(home):
        inner[:] = [name for name in inner if not name.startswith("layer_")]
        for path in (Path(folder, name) for name in names):
            if path.is_file() and not (path.parent.name == "aws" and path.name.startswith("secretsmanager")):
                yield str(path.relative_to(home)), path.read_bytes()


def spelt(secret):
    """As it could stand somewhere: plain, escaped as JSON once or twice, quoted for an address, and in base64 wherever it begins."""
    once = json.dumps(secret)[1:-1]
    yield from {secret, once, json.dumps(once)[1:-1], urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)}
    for shift in range(3):
        padded = b"\0" * shift + secret.encode()
        inner = base64.b64encode(padded).decode()[(0, 2, 3)[shift] :].rstrip("=")[: -1 if len(padded) % 3 else None]
        yield from {inner, inner.replace("+", "-").replace("/", "_")}


def opened(found):
    data = found.encode() if isinstance(found, str) else found
    if data[:2] == b"\x1f\x8b":
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return data
    return data


def leaks(written, planted):
    needles = {what: {form.encode() for form in spelt(secret)} for what, secret in planted.items()}
    for where, found in written:
        data = opened(found)
        for what, forms in needles.items():
            if where.startswith(SERVED) and what in THEIR_OWN:
                continue
            for form in forms:
                if (at := data.find(form)) >= 0:
                    yield f"{what} in {where}: …{data[max(0, at - 200) : at]!r}"
                    break


def test_the_search_finds_what_is_hidden():
    secret = 'planted "key" +/ü'
    hidden = [
        json.dumps({"a": json.dumps({"b": secret})}),
        base64.urlsafe_b64encode(f"xy{secret}".encode()),
        base64.b64encode(f"x{secret}yz".encode()),
        f"?q={urllib.parse.quote(secret)}&r={urllib.parse.quote_plus(secret)}",
        gzip.compress(secret.encode()),
    ]
    for found in hidden:
        assert list(leaks([("there", found)], {"it": secret})), found
    assert not list(leaks([("there", "planted key")], {"it": secret}))


def test_no_key_no_prompt_and_no_answer_is_written_anywhere(stack):
    said = Said()
    overhear(stack)
    admin_key = signalbox(stack, ("admin-key ann", ""))[0][1].split()[-1]  # before the control API has read who has one
    document = publish_with_more(stack)
    account = service_account(f"{stack.sim_url}/google_token/token")
    entra = {"tenant_id": "t", "client_id": "c", "client_secret": ENTRA, "authority": f"{stack.sim_url}/entra_token"}
    given = {name: "\n".join(SHARED) for name in ("openai", "mistral", "anthropic", "gemini", "perplexity")}
    given |= {"vertex": json.dumps(account), "azure": json.dumps(entra)}
    sets = [(f"secrets set {name}", keys) for name, keys in given.items()] + [("secrets set openai --tenant acme", OWN)]
    refused = ("secrets set openai", f"{MISPLACED} {MISPLACED}")
    assert said.ran(signalbox(stack, *sets, ("secrets list", ""), refused)) == [0] * (len(sets) + 1) + [1]
    minted = [stack.admin("POST", "/admin/keys", {"name": "x", "tenant": tenant}).json()["secret"] for tenant in ("acme", "rival")]

    traffic(stack, said, minted)
    operations(stack, said, admin_key, document)
    eventually(lambda: stack.used(tenant="acme"), lambda used: used["requests"] > 20)
    samples = eventually(lambda: sampled(stack), lambda items: len(items) > 20)
    read = [stack.admin("GET", f"/admin/requests/{item['id']['S']}/sample").json() for item in samples[:5]]
    assert all("[subject]" in json.dumps(sample["prompt"]) for sample in read)
    assert not list(leaks([("a sample", json.dumps(read))], PRIVATE | {"their subject": "Zanzibar"}))

    pem = re.findall(r"[A-Za-z0-9+/=]{64}", account["private_key"])
    planted = {
        "the first shared key": SHARED[0],
        "the second shared key": SHARED[1],
        "the tenant's own key": OWN,
        "a misplaced key": MISPLACED,
    }
    planted |= {"the environment's key": FROM_ENVIRONMENT, "the Entra secret": ENTRA, "the admin key": admin_key}
    planted |= {"a line of the service account's key": pem[5], "acme's key": minted[0], "rival's key": minted[1]}
    planted |= PRIVATE | {"the prompt": PROMPT, "the answer": ANSWER, "their subject": "Zanzibar"}
    stack.stop()
    found = list(leaks([*said.texts.items(), ("the command's own words", stack.output), *files(stack.home)], planted))
    assert not found, "\n".join(found)
    for name, words in SAVED.items():
        saved = (stack.home / "aws" / name).read_text()
        assert not [word for word in words if word not in saved], name
    assert list((stack.home / "s3").rglob("snapshots/*.gz"))
    [store] = (stack.home / "aws").glob("secretsmanager*")
    assert SHARED[0] in store.read_text()  # else nothing was planted
