"""The clients that other people use, each from its own package: `make test-clients` runs these, in an environment of their own."""

import os
import uuid

import httpx
import pytest

STACK = os.environ.get("SIGNALBOX_URL", "")
collect_ignore_glob = [] if STACK else ["test_*"]

# One of each wire format; what follows the slash is the provider's own name for it.
MODELS = {
    "openai": "openai/gpt-4.1-mini",
    "anthropic": "anthropic/claude-haiku-4-5-20251001",
    "bedrock": "bedrock/anthropic.claude-sonnet-4-5-20250929",
    "gemini": "gemini/gemini-2.5-flash",
    "ollama": "ollama/llama3.1:latest",
}
THINKING = [MODELS[family] for family in ("anthropic", "bedrock", "gemini")]


def pytest_generate_tests(metafunc):
    if "model" in metafunc.fixturenames:
        metafunc.parametrize("model", MODELS.values(), ids=MODELS)
    if "thinking_model" in metafunc.fixturenames:
        metafunc.parametrize("thinking_model", THINKING)


@pytest.fixture(scope="session")
def root():
    """What Anthropic's clients take for an address."""
    return STACK


@pytest.fixture(scope="session")
def base(root):
    """What OpenAI's take."""
    return f"{root}/v1"


@pytest.fixture(scope="session")
def admin(root):
    headers = {"authorization": f"Bearer {os.environ['SIGNALBOX_ADMIN_KEY']}"}
    with httpx.Client(base_url=root, headers=headers, timeout=30) as http:
        yield lambda path, **body: http.post(path, json=body).raise_for_status().json()


@pytest.fixture(scope="session")
def key(admin):
    return admin("/admin/keys", name="clients", tenant=f"clients-{uuid.uuid4().hex[:6]}", team="default")["secret"]


@pytest.fixture(scope="session")
def poor_key(admin):
    """Its budget affords nothing."""
    made = admin("/admin/keys", name="poor", tenant="poor", team="default")
    admin("/admin/budgets", scope="key", id=made["id"], period="day", limit_usd=0.000000001, hard=True)
    return made["secret"]
