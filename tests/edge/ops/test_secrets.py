"""The providers' keys: what is taken for one, where it is stored, and that it is never shown."""

import io
import json

import boto3
import pytest

from ops import cli, control_api
from ops.secrets import AT_ONCE, put_provider_keys, to_keys
from ops.trouble import Trouble
from signalbox.aws.keys import to_keys as read_by_functions

DOCUMENT = """\
version: 1
providers:
  openai: {}
  openai-eu: {secret: openai, kind: openai, base_url: https://eu.example.com/v1}
  mistral: {}
  ollama: {base_url: http://127.0.0.1:11434}
models:
  mistral/small: {context_window: 9, max_output_tokens: 9, prices: {input: 0, output: 0, source: s, as_of: 2026-01-02}}
"""
ACCOUNT = {"type": "service_account", "client_email": "a@b.example", "private_key": "-----BEGIN PRIVATE KEY-----\nMII\n", "note": "ü"}


@pytest.fixture
def client(account):
    return boto3.client("secretsmanager")


@pytest.fixture
def run(client, monkeypatch, capsys):
    """signalbox secrets … --stage dev, with this on stdin: what it answered, and said."""

    def run(words, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.main(["secrets", *words.split(), "--stage", "dev"])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


class Tenants:
    """The control API's part in it, with its own refusal of what somebody else has changed."""

    def __init__(self):
        self.own = {}
        self.document = DOCUMENT
        self.secrets = {"openai": "openai", "openai-eu": "openai", "mistral": "mistral"}

    def call(self, stage, method, path, body=None):
        if path == "/admin/config":
            return {"document": self.document}
        assert (stage, path.split("/")[:3], path.split("/")[4:]) == ("dev", ["", "admin", "tenants"], ["own_keys"])
        tenant = path.split("/")[3]
        if method == "PUT":
            assert body["expected"] == self.own.get(tenant, [])
            self.own[tenant] = sorted(body["own_keys"])
        return {"tenant": tenant, "own_keys": self.own.get(tenant, []), "secrets": self.secrets}


@pytest.fixture(autouse=True)
def tenants(monkeypatch):
    tenants = Tenants()
    monkeypatch.setattr(control_api, "call", tenants.call)
    return tenants


def stored(client, name):
    return client.get_secret_value(SecretId=f"signalbox/dev/providers/{name}")["SecretString"]


def test_keys_are_stored_one_a_line_and_read_back_by_the_functions(run, client):
    assert run("set openai", "sk-one\n\n  sk-two  \n") == (0, "openai: 2 keys stored; running containers follow within minutes\n")
    assert read_by_functions(stored(client, "openai")) == ["sk-one", "sk-two"]
    run("set openai", "sk-three")
    assert read_by_functions(stored(client, "openai")) == ["sk-three"]


def key_of(client, name):
    """The KMS key that a secret is under; None is AWS' own."""
    return client.describe_secret(SecretId=f"signalbox/dev/providers/{name}").get("KmsKeyId")


def test_keys_are_stored_under_the_stages_own_kms_key(run, client):
    run("set openai", "sk-shared")
    run("set openai --tenant acme", "sk-acme")
    assert key_of(client, "openai") == key_of(client, "acme/openai") == "alias/signalbox-dev"


@pytest.mark.parametrize("keys", ["sk-old", "sk-new"])
def test_keys_that_were_under_another_kms_key_are_moved_when_they_are_set_again_even_the_same(run, client, keys):
    client.create_secret(Name="signalbox/dev/providers/openai", SecretString='{"keys": ["sk-old"]}')
    assert key_of(client, "openai") is None
    before = client.describe_secret(SecretId="signalbox/dev/providers/openai")["VersionIdsToStages"]
    run("set openai", keys)
    assert key_of(client, "openai") == "alias/signalbox-dev"
    assert read_by_functions(stored(client, "openai")) == [keys]
    after = client.describe_secret(SecretId="signalbox/dev/providers/openai")["VersionIdsToStages"]
    assert set(after) > set(before)  # only a new version is under the new key alone


def names(client):
    return [row["Name"] for row in client.list_secrets()["SecretList"]]


def test_a_tenants_own_keys_are_stored_under_its_name_and_every_provider_that_reads_them_is_its_own(run, client, tenants):
    tenants.own["acme"] = ["mistral"]
    said = "acme/openai: 1 key stored; running containers follow within minutes; acme is served with these alone by openai, openai-eu\n"
    assert run("set openai --tenant acme", "sk-acme") == (0, said)
    assert read_by_functions(stored(client, "acme/openai")) == ["sk-acme"]
    assert tenants.own == {"acme": ["mistral", "openai", "openai-eu"]}
    assert run("set openai --tenant acme", "sk-other") == (0, said)
    assert tenants.own == {"acme": ["mistral", "openai", "openai-eu"]}


def test_a_tenant_gives_its_keys_back(run, client, tenants):
    run("set openai", "sk-shared")
    run("set openai --tenant acme", "sk-acme")
    tenants.own["acme"].append("zz-not-ours")
    assert run("unset openai --tenant acme") == (0, "acme/openai: deleted; running containers follow within minutes\n")
    assert tenants.own == {"acme": ["zz-not-ours"]}
    assert names(client) == ["signalbox/dev/providers/openai"]
    assert run("set openai --tenant acme", "sk-again")[0] == 0


def test_a_providers_keys_are_deleted_for_good_and_can_be_set_again(run, client):
    run("set openai", "sk-shared")
    assert run("unset openai") == (0, "openai: deleted; running containers follow within minutes\n")
    assert names(client) == []
    assert run("set openai", "sk-new")[0] == 0


def test_what_is_not_there_cannot_be_taken_back(run, client, tenants):
    assert run("unset openai") == (1, "signalbox: there are no keys openai: signalbox secrets list\n")
    assert run("unset openai --tenant acme") == (1, "signalbox: there are no keys acme/openai: signalbox secrets list\n")
    tenants.own["acme"] = ["openai"]  # told to have them, by whatever way, and without them
    assert run("unset openai --tenant acme")[0] == 0
    assert tenants.own == {"acme": []}


def test_a_secret_that_nobody_reads_yet_is_stored_with_a_word_of_warning(run, client, tenants):
    stored = "openi: 1 key stored; running containers follow within minutes\n"
    warning = "warning: no provider of the live configuration reads a secret named openi; did you mean openai?"
    code, said = run("set openi", "planted")
    assert (code, said) == (0, f"{stored}{warning} `signalbox secrets unset openi` takes it back\n")
    assert "those they read: mistral, openai." in run("set vertex", "planted")[1]
    tenants.document = "version: ["  # one that this release cannot read says nothing of names
    assert run("set openi", "planted") == (0, stored)


def test_where_nothing_is_known_of_the_configuration_keys_are_stored_all_the_same(run, monkeypatch):
    def refuse(*_):
        raise Trouble("no SIGNALBOX_ADMIN_KEY in the environment")

    monkeypatch.setattr(control_api, "call", refuse)
    assert run("set openi", "planted") == (0, "openi: 1 key stored; running containers follow within minutes\n")


def test_a_secret_that_nobody_reads_is_not_stored_for_a_tenant(run, client, tenants):
    code, said = run("set opnai --tenant acme", "planted")
    assert (code, names(client), tenants.own) == (1, [], {})
    assert said == "signalbox: no provider of the live configuration reads a secret named opnai; those they read: mistral, openai\n"


def test_keys_are_stored_before_a_tenant_is_told_to_have_them_and_deleted_after(run, client, tenants, monkeypatch):
    def refuse(stage, method, path, body=None):
        if method == "PUT":
            raise Trouble("Others changed the own_keys of acme first.")
        return tenants.call(stage, method, path, body)

    monkeypatch.setattr(control_api, "call", refuse)
    assert run("set openai --tenant acme", "sk-acme")[0] == 1
    assert names(client) == ["signalbox/dev/providers/acme/openai"]
    tenants.own["acme"] = ["openai"]
    assert run("unset openai --tenant acme")[0] == 1
    assert names(client) == ["signalbox/dev/providers/acme/openai"]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_service_account_is_one_key_however_it_is_laid_out(run, client, indent):
    assert run("set vertex", json.dumps(ACCOUNT, indent=indent))[0] == 0
    [key] = read_by_functions(stored(client, "vertex"))
    assert json.loads(key) == ACCOUNT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key on stdin"),
        (" \n\n", "no key on stdin"),
        ("planted-1 planted-2", "line 1: no key: one has no blanks"),
        ("planted-1\nplanted\t2", "line 2: no key: one has no blanks"),
        ("planted-ü", "line 1: no key"),
        ("planted-1\nOPENAI_API_KEY=planted-2", "line 2: give the key alone"),
        ("export KEY", "line 1: no key: one has no blanks"),
        ('"planted"', "line 1: give the key alone"),
        ("planted'", "line 1: give the key alone"),
        ('""', "line 1: give the key alone"),
        ('{"planted": ', "line 1: neither a key nor JSON"),
        ('{"keys": ["planted"]}', "line 1: this is a secret as it is stored"),
        ("planted\nplanted", "a key stands there twice"),
        ("planted" * 10_000, "more than one secret holds"),
    ],
)
def test_what_is_no_key_is_refused_by_its_line_and_without_a_word_of_it(run, client, text, said):
    code, answer = run("set openai", text)
    assert code == 1
    assert said in answer
    assert "planted" not in answer
    assert client.list_secrets()["SecretList"] == []


@pytest.mark.parametrize("key", ["sk-proj-Ab_9", "AIzaSy-x", "base64+/==", "gsk_1", "key=with=signs"])
def test_keys_of_every_look_are_taken(key):
    assert to_keys(key) == [key]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("set ../keys", "a provider's secret has a name"),
        ("set a/b", "a provider's secret has a name"),
        ("set openai --tenant a/b", "a tenant is up to 64"),
        ("set openai --tenant #", "a tenant is up to 64"),
        ("set openai --tenant ..", "a tenant is up to 64"),
        ("set openai --tenant=", "a tenant is up to 64"),
        ("unset a/b", "a provider's secret has a name"),
        ("unset openai --tenant a/b", "a tenant is up to 64"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(run, client, words, said):
    code, answer = run(words, "sk-one")
    assert (code, said in answer) == (1, True)
    assert client.list_secrets()["SecretList"] == []


def test_the_list_tells_names_and_numbers_and_no_key(run, client):
    assert run("list") == (0, "no provider has a key here: signalbox secrets set PROVIDER\n")
    run("set openai", "planted-1\nplanted-2")
    run("set openai --tenant acme", "planted-3")
    client.create_secret(Name="signalbox/dev/providers/broken", SecretString="planted-4")
    client.create_secret(Name="signalbox/prod/providers/groq", SecretString='{"keys": ["planted-5"]}')
    client.create_secret(Name="other", SecretString="planted-6")
    code, answer = run("list")
    assert code == 0
    assert answer == "acme/openai: 1 key\nbroken: cannot be read as keys; set them anew\nopenai: 2 keys\n"


def test_many_secrets_are_written_in_few_calls_and_what_is_there_is_not_written_again(client, monkeypatch):
    calls = []
    client.meta.events.register("before-call.secrets-manager", lambda model, **_: calls.append(model.name))
    rows = {f"signalbox/dev/providers/p{number}": ["sk"] for number in range(AT_ONCE + 1)}
    put_provider_keys(client, rows)
    assert calls == ["BatchGetSecretValue"] * 2 + ["CreateSecret"] * (AT_ONCE + 1)
    calls.clear()
    put_provider_keys(client, rows | {"signalbox/dev/providers/p3": ["new"]})
    assert calls == ["BatchGetSecretValue"] * 2 + ["UpdateSecret"]
    assert read_by_functions(stored(client, "p3")) == ["new"]


def test_a_secret_that_may_not_be_read_is_not_overwritten():
    class Forbidden:
        def batch_get_secret_value(self, SecretIdList):
            return {"SecretValues": [], "Errors": [{"SecretId": SecretIdList[0], "ErrorCode": "AccessDeniedException"}]}

    with pytest.raises(Trouble, match="a/openai cannot be read: AccessDeniedException"):
        put_provider_keys(Forbidden(), {"a/openai": ["sk"]})
