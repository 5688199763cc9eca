"""The live document of a stack, changed and put back: what is published here is what an operator would write."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor

import openai
import yaml

from .waiting import eventually

AT_ONCE = 6  # as many containers as the tests need at the same time
# What a container may say before it has heard, or while a busy machine keeps its first reads waiting; of these words.
PASSING = {"llm_disabled": "", "ledger_unavailable": "", "upstream_failed": "cannot be read right now"}
IN_A_ROW = 4  # times: one that was still at work behind its last answer is among those that answer the next


class Document:
    """As it was found, and as it is changed. What is merged: mappings into mappings, whatever else in its place."""

    def __init__(self, stack):
        self._stack = stack
        self.found = stack.admin("GET", "/admin/config").json()
        self.data = yaml.safe_load(self.found["document"])

    def publish(self, change, message="e2e"):
        """Its version, at once; containers follow within seconds."""
        self.data = merged(self.data, change)
        body = {"document": json.dumps(self.data, default=str), "message": message}  # which is YAML too
        return self._stack.admin("POST", "/admin/config/publish", body).json()["version"]

    def restore(self):
        return self._stack.admin("POST", "/admin/config/rollback", {"version": self.found["version"]}).json()["version"]


def merged(data, change):
    both = {key: merged(data[key], change[key]) for key in data.keys() & change.keys() if isinstance(change[key], dict)}
    return copy.deepcopy(data) | change | both


def followed(stack, version=0, at_once=AT_ONCE):
    """Once all containers answer, and have it."""
    with ThreadPoolExecutor(at_once) as pool:
        eventually(lambda: set(pool.map(lambda _: version_of(stack), range(at_once * IN_A_ROW))), lambda seen: min(seen) >= version)


def version_of(stack):
    """-1 of a container that cannot answer yet: it has not heard that LLM traffic is on again, or begins on a busy machine."""
    try:
        return int(ask(stack, "chat").headers["x-signalbox-config-version"])
    except openai.InternalServerError as error:
        if error.code not in PASSING or PASSING[error.code] not in error.message:
            raise
        return -1


def ask(stack, model, prompt="say: hi", *, key=None, tags="", timeout_s=60, **more):
    """The raw answer of the official SDK. openai.APIStatusError where it is refused."""
    headers = {"x-signalbox-tags": tags} if tags else {}
    with stack.client(key or stack.key, timeout_s) as client:
        return client.chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": prompt}], extra_headers=headers, **more
        )


def recorded(stack, answer, key=None):
    """What was written down of it."""
    path = f"/v1/requests/{answer.headers['x-signalbox-request-id']}"
    return eventually(lambda: stack.get(path, key or stack.key), lambda found: found.status_code == 200).json()
