"""The rows of the providers hold together: what they name exists, and none is asked for a key that it cannot have."""

import pytest

from signalbox.providers.auth import SCHEMES
from signalbox.providers.openai.reasoning import SENT_AGAIN, THINKING
from signalbox.providers.registry import MODULES
from signalbox.providers.rows import ROWS

KINDS = """openai azure mistral groq deepseek cohere together fireworks openrouter xai vllm llama_cpp llama_cpp_python litellm perplexity
ollama ollama_cloud anthropic bedrock gemini vertex"""


def test_every_provider_has_its_row():
    assert sorted(ROWS) == sorted(KINDS.split())


@pytest.mark.parametrize("kind", ROWS)
def test_what_a_row_names_exists(kind):
    row = ROWS[kind]
    assert row.wire in MODULES
    assert row.embeddings is None or row.embeddings in MODULES
    assert row.auth in SCHEMES
    assert row.on_leave in ("drain", "estimate", "free")
    assert row.thinking in THINKING
    assert row.reasoning is None or row.reasoning in {*SENT_AGAIN, "thinking"}
    assert row.schema in ("json_schema", "json_object")
    assert not row.base_url.endswith("/")


@pytest.mark.parametrize("kind", ROWS)
def test_only_what_runs_at_home_may_go_without_encryption_and_without_a_key(kind):
    row = ROWS[kind]
    at_home = row.base_url.startswith("http://127.0.0.1:")
    assert at_home or row.base_url.startswith("https://") or not row.base_url
    assert row.keyed or at_home or row.auth == "sigv4" or not row.base_url
    assert (row.on_leave == "free") == at_home


def test_the_usual_ports_of_local_ones_differ():
    ports = {kind: row.base_url.rsplit(":", 1)[1].split("/")[0] for kind, row in ROWS.items() if row.base_url.startswith("http:")}
    assert ports == {"ollama": "11434", "llama_cpp_python": "8000", "llama_cpp": "8080", "vllm": "8001"}


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row.wire == "openai"])
def test_every_lack_has_a_reason_that_can_be_told(kind):
    for field, why in (*ROWS[kind].lacks.items(), *ROWS[kind].thinkers_lack.items()):
        assert field
        assert why.startswith("it ")
