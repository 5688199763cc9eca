"""template.yaml as CloudFormation gets it. SAM transforms it first, and that is where a misspelt property silently becomes a default."""

import json
import os
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from ops.local.deploy import JWT, parameters
from signalbox.admission.budgets import scopes_of
from signalbox.admission.keys import Caller
from signalbox.aws import boto_sums, telemetry
from signalbox.aws.boto_rollbacks import LIST
from signalbox.aws.issuer import FIELDS
from signalbox.dialects import openai_errors
from signalbox.errors import Refusal
from signalbox.rollback.actions import ACTIONS
from signalbox.rollback.request import to_request
from signalbox.usage.item import KEEP_S

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "template.yaml").read_text()
LOCAL = {  # the property whose folder `sam package` replaces by an address in S3
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
FUNCTIONS = {
    "CompleteFunction": "complete",
    "ControlFunction": "control",
    "RecordUsageFunction": "record_usage",
    "StoreSampleFunction": "store_sample",
    "EvaluateBudgetsFunction": "evaluate_budgets",
    "TrackCircuitsFunction": "track_circuits",
    "ProbeHealthFunction": "probe_health",
    "SettleExpiredFunction": "settle_expired",
    "ReportFunction": "report",
    "RollBackFunction": "roll_back",
}
CONSUMERS = {"RecordUsageFunction": "UsageQueue", "EvaluateBudgetsFunction": "BudgetQueue", "TrackCircuitsFunction": "CircuitQueue"}
SAMPLES = {"StoreSampleFunction": "SampleQueue"}
TABLES = {"ControlTable", "LedgerTable", "UsageTable", "CacheTable", "SampleTable"}
HOLDERS = {"AWS::S3::Bucket", "AWS::SQS::Queue"}  # some of which are under our key
FORGETFUL = {"CacheTable", "SampleTable"}  # a backup would keep what has expired
ANY = "x-amazon-apigateway-any-method"
UNIT_BYTES, PARTITION_UNITS = 4096, 3000  # of a consistent read, and how many of them DynamoDB serves a partition in a second

# Actions for which AWS has no narrower resource than `*`.
UNBOUND = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: of a network that the stack does not know the parts of
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}

Resources = dict[str, dict[str, Any]]


class NoManagedPolicies:
    """SAM's look-up of policies by name. The template names none; if it did, SAM would fail here."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(text: str = TEXT, layer: str = "layer-1", **parameters: str) -> Resources:
    """As after `sam package`, which names what it uploads by its content: another layer has another address."""
    template = yaml_parse(text)
    for id, resource in template["Resources"].items():
        if resource["Type"] in LOCAL:
            resource["Properties"][LOCAL[resource["Type"]]] = f"s3://packaged/{layer if id == 'SharedLayer' else id}"
    return transform(template, parameters, NoManagedPolicies())["Resources"]


@pytest.fixture(scope="module", autouse=True)
def region() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield


@cache
def stack() -> Resources:
    return transformed()


def properties(id: str) -> dict[str, Any]:
    return stack()[id]["Properties"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {id: resource["Properties"] for id, resource in stack().items() if resource["Type"] == kind}


def id_of(value: Any) -> str:
    """The logical id behind a Ref or a GetAtt."""
    return value.get("Ref") or value["Fn::GetAtt"][0]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role_id: str) -> list[dict[str, Any]]:
    """What a role may do at the most: its own policies, and those of this template that it attaches."""
    role = properties(role_id)
    attached = [properties(id_of(arn)) for arn in role.get("ManagedPolicyArns", []) if "Ref" in arn]
    documents = [policy["PolicyDocument"] for policy in role.get("Policies", []) + attached]
    return [met(statement) for document in documents for statement in document["Statement"]]


def met(value: Any) -> Any:
    """Where it depends on a condition: what stands there if that is met."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def variables(function_id: str) -> dict[str, Any]:
    return properties(function_id)["Environment"]["Variables"]


# ---------------------------------------------------------------- the API


def paths() -> dict[str, dict[str, Any]]:
    return properties("Api")["Body"]["paths"]


def integration(path: str) -> dict[str, Any]:
    return paths()[path][ANY]["x-amazon-apigateway-integration"]


@pytest.mark.parametrize("path", ["/", "/{proxy+}", "/v1", "/v1/{proxy+}", "/v1/requests"])
def test_the_data_api_streams_for_as_long_as_lambda_runs(path: str) -> None:
    found = integration(path)
    assert found["responseTransferMode"] == "STREAM"
    assert found["uri"]["Fn::Sub"].endswith("/2021-11-15/functions/${CompleteFunctionAliaslive}/response-streaming-invocations")
    assert found["timeoutInMillis"] == 900_000 == properties("CompleteFunction")["Timeout"] * 1000
    assert variables("CompleteFunction")["SIGNALBOX_RESPONSE_MODE"] == "stream"


@pytest.mark.parametrize("path", ["/admin", "/admin/{proxy+}", "/v1/usage", "/v1/requests/{id}", "/openapi.json"])
def test_the_control_api_is_buffered(path: str) -> None:
    found = integration(path)
    assert "responseTransferMode" not in found
    assert found["uri"]["Fn::Sub"].endswith("/2015-03-31/functions/${ControlFunction.Arn}/invocations")
    assert properties("ControlFunction")["Timeout"] < 29  # what API Gateway waits


def test_every_path_takes_every_method_so_that_a_function_answers_404_and_405() -> None:
    assert all(list(methods) == [ANY] for methods in paths().values())


def test_no_folder_of_a_path_is_left_without_a_method() -> None:
    """API Gateway makes a resource of each folder. Whether one without a method falls to {proxy+} is nowhere promised."""
    folders = {path.rsplit("/", 1)[0] or "/" for path in paths()}
    assert {"/v1", "/v1/requests", "/admin"} <= folders <= set(paths())


def test_every_path_may_call_its_function() -> None:
    allowed = {
        (permission["SourceArn"]["Fn::Sub"][0].split("/", 2)[2], id_of(permission["FunctionName"]))
        for permission in of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
    }
    for path in paths():
        target = re.search(r"functions/\$\{(\w+)", integration(path)["uri"]["Fn::Sub"])
        source = "*" + re.sub(r"\{[^}]*\}", "*", path)
        assert target
        assert (source, target[1]) in allowed


def test_the_api_is_regional_uncompressed_and_uncached() -> None:
    api, stage = properties("Api"), properties("ApiStage")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert "MinimumCompressionSize" not in api
    assert not stage.get("CacheClusterEnabled")
    assert list(of_type("AWS::ApiGateway::Stage")) == ["ApiStage"]


def test_the_stage_throttles_and_traces_and_its_logs_hold_no_body_and_no_header() -> None:
    stage = properties("ApiStage")
    everything, usage = stage["MethodSettings"]
    assert stage["TracingEnabled"] is True
    assert (everything["ResourcePath"], everything["HttpMethod"]) == ("/*", "*")
    assert everything["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert everything["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    for settings in (everything, usage):  # what has its own takes nothing from everything's
        assert settings["LoggingLevel"] == "OFF"
        assert settings["DataTraceEnabled"] is settings["CachingEnabled"] is False
    line = json.loads(stage["AccessLogSetting"]["Format"])
    named = {
        "requestId",
        "requestTimeEpoch",
        "identity.sourceIp",
        "httpMethod",
        "path",
        "status",
        "error.responseType",
        "integration.status",
    }
    assert {value.removeprefix("$context.") for value in line.values()} == named | {
        "responseLatency",
        "integration.latency",
        "responseLength",
        "xrayTraceId",
    }


def test_callers_who_look_at_their_usage_leave_half_of_its_partition_to_recording() -> None:
    _, usage = properties("ApiStage")["MethodSettings"]
    assert (usage["ResourcePath"].replace("~1", "/"), usage["HttpMethod"]) == ("//v1/usage", "GET")
    units = boto_sums.SHARDS * boto_sums.DUE_BYTES / UNIT_BYTES
    assert usage["ThrottlingRateLimit"] * units <= PARTITION_UNITS / 2
    assert usage["ThrottlingBurstLimit"] * units <= PARTITION_UNITS


def refusals() -> dict[str, dict[str, Any]]:
    return properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "not_found"),  # an unknown path or method
        ("RESOURCE_NOT_FOUND", "not_found"),
        ("THROTTLED", "rate_limited"),
        ("QUOTA_EXCEEDED", "rate_limited"),
        ("REQUEST_TOO_LARGE", "request_too_large"),
        ("INTEGRATION_TIMEOUT", "deadline_exceeded"),
        ("UNAUTHORIZED", "invalid_key"),
        ("ACCESS_DENIED", "permission_denied"),
        ("WAF_FILTERED", "permission_denied"),
        ("DEFAULT_4XX", "invalid_request"),
        ("DEFAULT_5XX", "internal_error"),
    ],
)
def test_api_gateways_own_refusals_are_the_dialects(kind: str, code: str) -> None:
    answer = refusals()[kind]
    body = json.loads(answer["responseTemplates"]["application/json"])
    refusal = Refusal(code, body["error"]["message"])
    assert body == json.loads(openai_errors.to_error(refusal))
    assert int(answer["statusCode"]) == refusal.status
    assert len(body["error"]["message"]) > 30


@pytest.mark.parametrize("kind", ["DEFAULT_5XX", "INTEGRATION_TIMEOUT"])
def test_who_gets_no_answer_is_told_that_it_may_have_been_charged_and_when_another_try_is_safe(kind: str) -> None:
    """A worker may have died behind what it asked a provider."""
    message = json.loads(refusals()[kind]["responseTemplates"]["application/json"])["error"]["message"]
    assert all(said in message for said in ("charged", "GET /v1/usage", "idempotency-key"))


def test_a_throttled_caller_is_told_when_to_come_back() -> None:
    for kind, answer in refusals().items():
        if answer["statusCode"] == "429":
            assert re.fullmatch(r"'[1-9]\d*'", answer["responseParameters"]["gatewayresponse.header.retry-after"]), kind


# ---------------------------------------------------------------- functions


def test_every_function_is_here_and_has_a_folder_name_that_says_so() -> None:
    declared = {id: row["Properties"]["CodeUri"] for id, row in yaml_parse(TEXT)["Resources"].items() if row["Type"].endswith("::Function")}
    assert declared == {id: f"functions/{folder}" for id, folder in FUNCTIONS.items()}


@pytest.mark.parametrize("id", FUNCTIONS)
def test_what_functions_share(id: str) -> None:
    function = properties(id)
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert [id_of(layer)[: len("SharedLayer")] for layer in function["Layers"]] == ["SharedLayer"]
    assert function["MemorySize"]


@pytest.mark.parametrize("id", FUNCTIONS)
def test_every_function_keeps_its_log_for_a_stated_time_and_writes_no_other(id: str) -> None:
    log_id = id_of(properties(id)["LoggingConfig"]["LogGroup"])
    log = properties(log_id)
    assert log["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert id_of(log["KmsKeyId"]) == "Key"
    written = [listed(row["Resource"]) for row in statements(id_of(properties(id)["Role"])) if "logs:PutLogEvents" in listed(row["Action"])]
    assert written == [[{"Fn::GetAtt": [log_id, "Arn"]}]]


def test_every_log_has_a_retention() -> None:
    assert all(log["RetentionInDays"] for log in of_type("AWS::Logs::LogGroup").values())


def test_only_complete_runs_on_our_own_loop() -> None:
    assert {id for id in FUNCTIONS if "AWS_LAMBDA_EXEC_WRAPPER" in variables(id)} == {"CompleteFunction"}
    assert variables("CompleteFunction")["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"


def test_complete_is_told_of_nothing_that_it_does_not_use() -> None:
    assert {name for name in variables("CompleteFunction") if name.startswith("SIGNALBOX_")} == {
        "SIGNALBOX_STAGE",
        "SIGNALBOX_CONTROL_TABLE",
        "SIGNALBOX_LEDGER_TABLE",
        "SIGNALBOX_CACHE_TABLE",
        "SIGNALBOX_BUS",
        "SIGNALBOX_CONFIG_BUCKET",
        "SIGNALBOX_ANSWER_BUCKET",
        "SIGNALBOX_SAMPLE_QUEUE",
        "SIGNALBOX_CACHE_URL",
        "SIGNALBOX_KEY_SECRET",
        "SIGNALBOX_PROVIDER_SECRETS",
        "SIGNALBOX_RESPONSE_MODE",
        "SIGNALBOX_SLOW_MS",
        *(f"SIGNALBOX_JWT_{name.upper()}" for name in FIELDS if name != "permissions_claim"),
    }


def test_control_is_told_all_of_whose_tokens_are_taken() -> None:
    names = {f"SIGNALBOX_JWT_{name.upper()}" for name in FIELDS}
    assert {name for name in variables("ControlFunction") if name.startswith("SIGNALBOX_JWT_")} == names
    environment = dict.fromkeys(names, "said")
    assert set(parameters(environment)) == {f"Jwt{name}" for name in JWT} | {"Stage"}
    assert {name for name in yaml_parse(TEXT)["Parameters"] if name.startswith("Jwt")} == {f"Jwt{name}" for name in JWT}
    for name in JWT:
        variable = "SIGNALBOX_JWT_" + "_".join(re.findall("[A-Z][a-z]+", name)).upper()
        assert variables("ControlFunction")[variable] == {"Ref": f"Jwt{name}"}
        assert variables("CompleteFunction").get(variable, variables("ControlFunction")[variable]) == {"Ref": f"Jwt{name}"}


def names_read(folder: Path) -> set[str]:
    pattern = re.compile(r"""environ(?:ment)?(?:\[|\.get\()["'](SIGNALBOX_[A-Z_]+)["']""")
    return {name for file in folder.rglob("*.py") for name in pattern.findall(file.read_text())}


@pytest.mark.parametrize(("id", "folder"), FUNCTIONS.items())
def test_the_names_that_a_function_reads_are_set(id: str, folder: str) -> None:
    assert names_read(ROOT / "functions" / folder) <= set(variables(id))


def test_the_names_that_the_layer_reads_are_set_somewhere() -> None:
    read = names_read(ROOT / "layers" / "shared" / "signalbox")
    assert {"SIGNALBOX_CONTROL_TABLE", "SIGNALBOX_LEDGER_TABLE"} <= read  # else the pattern has gone blind
    local = {"SIGNALBOX_AWS_TIMEOUT_S", "SIGNALBOX_CACHE_PATIENCE_S"}  # which the local stack alone sets
    assert local <= set(re.findall("SIGNALBOX_[A-Z_]+", (ROOT / "ops" / "local" / "functions.py").read_text()))
    assert read <= {name for id in FUNCTIONS for name in variables(id)} | local


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("SIGNALBOX_CONTROL_TABLE", "ControlTable"),
        ("SIGNALBOX_LEDGER_TABLE", "LedgerTable"),
        ("SIGNALBOX_USAGE_TABLE", "UsageTable"),
        ("SIGNALBOX_CACHE_TABLE", "CacheTable"),
        ("SIGNALBOX_BUS", "Bus"),
        ("SIGNALBOX_CONFIG_BUCKET", "ConfigBucket"),
        ("SIGNALBOX_TRAFFIC_BUCKET", "TrafficBucket"),
        ("SIGNALBOX_ANSWER_BUCKET", "AnswerBucket"),
        ("SIGNALBOX_REPORT_BUCKET", "ReportBucket"),
        ("SIGNALBOX_SAMPLE_QUEUE", "SampleQueue"),
        ("SIGNALBOX_SAMPLE_TABLE", "SampleTable"),
        ("SIGNALBOX_FIELD_KEY", "Key"),
        ("SIGNALBOX_KEY_SECRET", "KeySecret"),
        ("SIGNALBOX_ALERT_TOPIC", "AlertTopic"),
        ("SIGNALBOX_ROLL_BACK_WORKFLOW", "RollBackWorkflow"),
    ],
)
def test_a_name_means_the_same_everywhere(name: str, target: str) -> None:
    assert {id_of(variables(id)[name]) for id in FUNCTIONS if name in variables(id)} <= {target}


# ---------------------------------------------------------------- who may do what

ROLES = sorted(id for id, row in yaml_parse(TEXT)["Resources"].items() if row["Type"] == "AWS::IAM::Role")


@pytest.mark.parametrize("role", [*ROLES, "RollBackWorkflowRequestedRole"])
def test_no_role_may_do_anything_or_anywhere(role: str) -> None:
    for statement in statements(role):
        actions = set(listed(statement["Action"]))
        assert statement["Effect"] == "Allow"
        assert not [action for action in actions if "*" in action]
        if "*" in listed(statement["Resource"]):
            assert actions <= UNBOUND


def test_every_role_is_written_out() -> None:
    """A role that SAM generates may write every log of the account and, with SQS, read every queue."""
    assert set(of_type("AWS::IAM::Role")) == {*ROLES, "RollBackWorkflowRequestedRole"}
    foreign = {id: [arn for arn in role.get("ManagedPolicyArns", []) if "Ref" not in arn] for id, role in of_type("AWS::IAM::Role").items()}
    assert [id for id, arns in foreign.items() if arns] == ["ApiLogRole"]  # AWS' own policy, which API Gateway asks for


def test_no_two_functions_share_a_role() -> None:
    assert len({id_of(properties(id)["Role"]) for id in FUNCTIONS}) == len(FUNCTIONS)


def grants(function_id: str) -> set[tuple[str, str]]:
    """(action, logical id) pairs; the resource is the id that the ARN is built from, or its text."""
    found = set()
    for statement in statements(id_of(properties(function_id)["Role"])):
        for resource in listed(statement["Resource"]):
            name = id_of(resource) if isinstance(resource, dict) and "Fn::Sub" not in resource else str(resource)
            found |= {(action, name) for action in listed(statement["Action"])}
    return found


def test_complete_may_read_control_and_change_the_ledger_alone() -> None:
    tables = {(action, name) for action, name in grants("CompleteFunction") if action.startswith("dynamodb:")}
    reading = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem"}
    assert {action for action, name in tables if name == "ControlTable"} == reading
    assert {name for _, name in tables} == {"ControlTable", "LedgerTable", "CacheTable"}
    assert not [action for action, _ in tables if action in ("dynamodb:Scan", "dynamodb:BatchWriteItem")]


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_function_may_use_what_its_environment_names_and_no_other_table(id: str) -> None:
    named = {id_of(value) for name, value in variables(id).items() if name.endswith("_TABLE")}
    granted = {name for action, name in grants(id) if action.startswith("dynamodb:")}
    # Every function is told of the control table by Globals; who may read it is the role's to say.
    assert named - {"ControlTable"} <= granted <= named


# What code does with what requests are held and counted by; whoever needs more says so here.
MONEY = {
    ("CompleteFunction", "LedgerTable"): "Query PutItem UpdateItem DeleteItem",
    ("ControlFunction", "LedgerTable"): "Query PutItem UpdateItem ConditionCheckItem",
    ("SettleExpiredFunction", "LedgerTable"): "Query PutItem UpdateItem DeleteItem ConditionCheckItem",
    ("EvaluateBudgetsFunction", "LedgerTable"): "Query",
    ("RecordUsageFunction", "UsageTable"): "GetItem Query PutItem UpdateItem BatchWriteItem",
    ("ControlFunction", "UsageTable"): "GetItem Query",
    ("EvaluateBudgetsFunction", "UsageTable"): "Query",
    ("ReportFunction", "UsageTable"): "Query",
}


def test_the_ledger_and_the_usage_log_are_open_for_what_code_does_with_them_and_no_more() -> None:
    granted: dict[tuple[str, str], set[str]] = {}
    for id in FUNCTIONS:
        for action, name in grants(id):
            if name in ("LedgerTable", "UsageTable"):
                granted.setdefault((id, name), set()).add(action.removeprefix("dynamodb:"))
    assert granted == {row: set(actions.split()) for row, actions in MONEY.items()}


@pytest.mark.parametrize("id", FUNCTIONS)
def test_no_call_is_granted_that_no_code_makes(id: str) -> None:
    """Of services whose actions code calls by their names alone; those on DynamoDB have other ways, and stand above."""
    code = "".join(file.read_text() for folder in ("functions", "layers/shared/signalbox") for file in (ROOT / folder).rglob("*.py"))
    for service, _, name in (action.partition(":") for action, _ in grants(id)):
        if service in ("events", "secretsmanager", "sns", "states"):
            assert name in code or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() in code, f"{service}:{name}"


def written(role_id: str) -> dict[str, dict[str, Any]]:
    """The conditions under which a role writes into the control table, by the first partition that each lets it write to."""
    writing = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    rows = [row for row in statements(role_id) if writing & set(listed(row["Action"])) and id_of(row["Resource"]) == "ControlTable"]
    conditions = [{name: keys for operator in row["Condition"].values() for name, keys in operator.items()} for row in rows]
    return {condition["dynamodb:LeadingKeys"][0]: condition for condition in conditions}


def test_whoever_tracks_circuits_writes_those_and_how_targets_fare() -> None:
    assert written("TrackCircuitsRole") == {"circuits": {"dynamodb:LeadingKeys": ["circuits", "targets"]}}


def test_whoever_rolls_back_writes_its_records_and_what_its_actions_set() -> None:
    [condition] = written("RollBackRole").values()
    assert set(condition["dynamodb:LeadingKeys"]) == {"rollback#*", LIST} | {action.pk for action in ACTIONS.values()}


def test_whoever_sweeps_writes_budgets_and_the_lists_of_them() -> None:
    found = written("SettleExpiredRole")
    assert found.pop("budgets") == {"dynamodb:LeadingKeys": ["budgets", "raises"]}
    scopes = written("EvaluateBudgetsRole")["key#*"]["dynamodb:LeadingKeys"]
    assert found == {"key#*": {"dynamodb:LeadingKeys": scopes, "dynamodb:Attributes": ["pk", "sk", "status", "budgets", "removed_day"]}}


def test_the_zones_are_the_layers() -> None:
    assert yaml_parse(TEXT)["Globals"]["Function"]["Environment"]["Variables"]["PYTHONTZPATH"] == "/opt/python/tzdata/zoneinfo"
    assert re.search(r"(?m)^tzdata==", (ROOT / "layers" / "shared" / "requirements.txt").read_text())


def test_whoever_evaluates_budgets_changes_one_attribute_of_a_scopes_record() -> None:
    """A record is what lets a key in, and what a budget is defined by."""
    found = written("EvaluateBudgetsRole")
    assert sorted(found) == ["alert#*", "key#*"]
    assert found["key#*"]["dynamodb:Attributes"] == ["pk", "sk", "used"]
    scopes = scopes_of(Caller("k", "t", "a", minted=False), agent="g", route="r", providers=["p"])
    assert {scope.partition("#")[0] + "#*" for scope in scopes} == set(found["key#*"]["dynamodb:LeadingKeys"])


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_function_may_publish_only_on_our_bus(id: str) -> None:
    assert {name for action, name in grants(id) if action == "events:PutEvents"} <= {"Bus"}


@pytest.mark.parametrize(("id", "queue"), (CONSUMERS | SAMPLES).items())
def test_a_consumer_may_take_from_its_own_queue(id: str, queue: str) -> None:
    needed = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    assert {(action, name) for action, name in grants(id) if action.startswith("sqs:")} == {(action, queue) for action in needed}


def test_whoever_is_told_of_the_bucket_may_read_its_snapshots_and_nobody_else() -> None:
    readers = {id for id in FUNCTIONS for action, name in grants(id) if action == "s3:GetObject" and "/snapshots/*" in name}
    assert readers == {id for id in FUNCTIONS if "SIGNALBOX_CONFIG_BUCKET" in variables(id)}
    assert "TrackCircuitsFunction" in readers


def test_one_writes_the_traffic_log_and_another_reads_it() -> None:
    may = {(id, action) for id in FUNCTIONS for action, name in grants(id) if "TrafficBucket" in name}
    assert {row for row in may if row[1] == "s3:PutObject"} == {("RecordUsageFunction", "s3:PutObject")}
    assert {row for row in may if row[1] != "s3:PutObject"} == {("ControlFunction", "s3:GetObject"), ("ControlFunction", "s3:ListBucket")}
    assert {id for id, _ in may} == {id for id in FUNCTIONS if "SIGNALBOX_TRAFFIC_BUCKET" in variables(id)}


def test_one_writes_reports_and_another_reads_them() -> None:
    may = {(id, action) for id in FUNCTIONS for action, name in grants(id) if "ReportBucket" in name}
    assert may == {("ReportFunction", "s3:PutObject"), ("ControlFunction", "s3:GetObject"), ("ControlFunction", "s3:ListBucket")}
    assert {action for action, name in grants("ReportFunction") if name == "UsageTable"} == {"dynamodb:Query"}
    assert {id for id, _ in may} == {id for id in FUNCTIONS if "SIGNALBOX_REPORT_BUCKET" in variables(id)}


def test_only_those_who_verify_or_send_keys_may_read_secrets() -> None:
    readers = {(id, name) for id in FUNCTIONS for action, name in grants(id) if action == "secretsmanager:GetSecretValue"}
    assert {id for id, name in readers if name == "KeySecret"} == {"CompleteFunction", "ControlFunction"}
    assert {id for id, name in readers if "/providers/*" in name} == {"CompleteFunction", "ProbeHealthFunction"}


def test_complete_reads_the_providers_keys_of_its_own_stage_and_nothing_beside_them() -> None:
    [statement] = [row for row in statements("CompleteRole") if "secretsmanager:GetSecretValue" in listed(row["Action"])]
    [callers, providers] = listed(statement["Resource"])
    assert (listed(statement["Action"]), id_of(callers)) == (["secretsmanager:GetSecretValue"], "KeySecret")
    account = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
    assert providers == {"Fn::Sub": account + "signalbox/${Stage}/providers/*"}
    assert variables("CompleteFunction")["SIGNALBOX_PROVIDER_SECRETS"] == {"Fn::Sub": "signalbox/${Stage}/providers/"}


def test_nobody_may_write_a_secret_or_look_at_anothers_environment() -> None:
    reading = {"secretsmanager:GetSecretValue"}
    for id in FUNCTIONS:
        actions = {action for action, _ in grants(id)}
        assert {action for action in actions if action.startswith("secretsmanager:")} <= reading
        assert not [action for action in actions if action.startswith(("lambda:Get", "lambda:Update", "ssm:"))]


@pytest.mark.parametrize("id", FUNCTIONS)
def test_no_providers_key_can_stand_in_an_environment(id: str) -> None:
    """A variable is a name of something, or a word of the template: none resolves a secret, and none is called as a provider's key is."""
    for name, value in variables(id).items():
        assert not re.search(r"API_?KEY|_TOKEN$|PASSWORD|CREDENTIAL|PRIVATE|^(AWS_ACCESS|AWS_SECRET|AWS_SESSION)", name)
        assert "{{resolve:" not in json.dumps(value)
    assert "{{resolve:" not in TEXT


def test_bedrock_is_called_by_the_role_and_its_models_alone() -> None:
    granted = {}
    for id in FUNCTIONS:
        for row in statements(id_of(properties(id)["Role"])):
            if any(action.startswith("bedrock:") for action in listed(row["Action"])):
                granted[id] = row
    assert set(granted) <= {"CompleteFunction", "ProbeHealthFunction"}
    row = granted["CompleteFunction"]
    assert set(listed(row["Action"])) == {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}
    own = "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:"
    assert {resource["Fn::Sub"] for resource in row["Resource"]} == {
        "arn:${AWS::Partition}:bedrock:*::foundation-model/*",
        own + "inference-profile/*",
        own + "application-inference-profile/*",
    }


def keyed(id: str) -> bool:
    """Whether what it holds is under our key, so that whoever reads or writes it needs the key too."""
    return "KMSMasterKeyID" in json.dumps(properties(id).get("BucketEncryption", {})) or "KmsMasterKeyId" in properties(id)


def kms_used(function_id: str) -> set[tuple[str, str]]:
    """(service, action of KMS) pairs, by what a function may do with what is under the key."""
    reads, writes = {"kms:Decrypt"}, {"kms:GenerateDataKey"}
    asks = {"secretsmanager:GetSecretValue": reads, "sns:Publish": reads | writes, "sqs:SendMessage": reads | writes}
    asks |= {"sqs:ReceiveMessage": reads, "s3:GetObject": reads, "s3:PutObject": writes}
    used = {("dynamodb", action) for action in (*reads, *writes, "kms:DescribeKey")}
    for action, name in grants(function_id):
        holder = next((id for id in stack() if re.search(rf"\b{id}\b", name) and stack()[id]["Type"] in HOLDERS), "")
        if action in asks and (not holder or keyed(holder)):
            used |= {(action.partition(":")[0], asked) for asked in asks[action]}
    return used


@pytest.mark.parametrize("id", FUNCTIONS)
def test_the_key_serves_a_function_through_the_services_that_it_uses_alone(id: str) -> None:
    granted = set()
    for row in statements(id_of(properties(id)["Role"])):
        through = listed(row.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", []))
        assert not through or id_of(row["Resource"]) == "Key"
        granted |= {(service["Fn::Sub"].split(".")[0], action) for service in through for action in listed(row["Action"])}
    assert granted == kms_used(id)


def test_what_the_account_and_aws_services_may_do_with_the_key() -> None:
    """Each as its service documents it, the wildcards written out:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    logs = "Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext DescribeKey"
    rows = properties("Key")["KeyPolicy"]["Statement"]
    assert {row["Sid"]: listed(row["Action"]) for row in rows} == {
        "TheAccountDecidesByIam": ["kms:*"],
        "AlarmsReachTheEncryptedTopic": ["kms:Decrypt", "kms:GenerateDataKey"],
        "LogsAreEncrypted": [f"kms:{action}" for action in logs.split()],
    }
    assert {str(row["Principal"]): list(row.get("Condition", {})) for row in rows} == {
        "{'AWS': {'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'}}": [],
        "{'Service': 'cloudwatch.amazonaws.com'}": ["StringEquals"],
        "{'Service': {'Fn::Sub': 'logs.${AWS::Region}.amazonaws.com'}}": ["ArnLike"],
    }


# ---------------------------------------------------------------- storage and secrets


@pytest.mark.parametrize("id", sorted(TABLES))
def test_tables(id: str) -> None:
    table = properties(id)
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert {row["AttributeName"]: row["KeyType"] for row in table["KeySchema"]} == {"pk": "HASH", "sk": "RANGE"}
    assert {row["AttributeName"]: row["AttributeType"] for row in table["AttributeDefinitions"]} == {"pk": "S", "sk": "S"}
    backed_up = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    assert backed_up.items() <= table.items() or (id in FORGETFUL and not backed_up.keys() & table.keys())
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["ProtectsData", True, False]}
    assert stack()[id]["UpdateReplacePolicy"] == "Retain"


def test_nothing_in_the_ledger_expires_by_itself() -> None:
    assert {id for id, table in of_type("AWS::DynamoDB::Table").items() if "TimeToLiveSpecification" in table} == TABLES - {"LedgerTable"}
    for id in TABLES - {"LedgerTable"}:
        assert properties(id)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_configuration_bucket_is_private_and_versioned_and_costs_no_call_to_kms() -> None:
    bucket = properties("ConfigBucket")
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    [only] = properties("ConfigBucketPolicy")["PolicyDocument"]["Statement"]
    assert (only["Effect"], only["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_answer_bucket_is_private_and_under_our_key_and_forgets_after_a_day() -> None:
    bucket = properties("AnswerBucket")
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert id_of(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == "Key"
    assert rule["BucketKeyEnabled"] is True
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    [expiry] = bucket["LifecycleConfiguration"]["Rules"]
    assert (expiry["Status"], expiry["ExpirationInDays"]) == ("Enabled", 1)
    assert "VersioningConfiguration" not in bucket  # a version would outlive what it is of
    [only] = properties("AnswerBucketPolicy")["PolicyDocument"]["Statement"]
    assert (only["Effect"], only["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_nobody_but_complete_reads_what_is_kept() -> None:
    assert {id for id in FUNCTIONS for _, name in grants(id) if "AnswerBucket" in name or "CacheTable" in name} == {"CompleteFunction"}


VALKEY = {"AnswerCache", "AnswerCacheUser", "AnswerCacheUserGroup", "AnswerCacheSecurityGroup", "CompleteSecurityGroup"}


def test_without_valkey_there_is_no_network_and_nothing_that_costs_at_rest() -> None:
    template = yaml_parse(TEXT)
    assert template["Parameters"]["CacheBackend"]["Default"] == "dynamodb"
    assert {id for id, row in template["Resources"].items() if row.get("Condition") == "UsesValkey"} == VALKEY
    assert {id for id, row in stack().items() if row["Type"].startswith(("AWS::ElastiCache::", "AWS::EC2::"))} == VALKEY
    assert variables("CompleteFunction")["SIGNALBOX_CACHE_URL"]["Fn::If"][::2] == ["UsesValkey", ""]
    assert properties("CompleteFunction")["VpcConfig"]["Fn::If"][::2] == ["UsesValkey", {"Ref": "AWS::NoValue"}]
    assert "VpcConfig" not in {name for id in FUNCTIONS if id != "CompleteFunction" for name in properties(id)}


def test_complete_alone_reaches_valkey_over_tls_and_as_a_user_of_its_own_role() -> None:
    cache, user = properties("AnswerCache"), properties("AnswerCacheUser")
    assert (cache["Engine"], user["Engine"], user["AuthenticationMode"]) == ("valkey", "valkey", {"Type": "iam"})
    assert cache["ServerlessCacheName"] == user["UserId"] == user["UserName"]  # which the token takes for granted
    assert met(variables("CompleteFunction")["SIGNALBOX_CACHE_URL"])["Fn::Sub"].startswith("valkeys://${AnswerCacheUser}@")
    assert id_of(cache["KmsKeyId"]) == "Key"
    [guard] = properties("AnswerCacheSecurityGroup")["SecurityGroupIngress"]
    assert (guard["FromPort"], guard["ToPort"], id_of(guard["SourceSecurityGroupId"])) == (6379, 6379, "CompleteSecurityGroup")
    assert "SecurityGroupIngress" not in properties("CompleteSecurityGroup")
    connects = {(action, name) for id in FUNCTIONS for action, name in grants(id) if action.startswith("elasticache:")}
    assert connects == {("elasticache:Connect", "AnswerCache"), ("elasticache:Connect", "AnswerCacheUser")}


def test_the_traffic_bucket_is_private_and_encrypted_and_keeps_what_it_has_as_long_as_usage() -> None:
    bucket = properties("TrafficBucket")
    [encryption] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    assert encryption["BucketKeyEnabled"] is True
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"] * 86_400) == ("Enabled", KEEP_S)
    [only] = properties("TrafficBucketPolicy")["PolicyDocument"]["Statement"]
    assert (only["Effect"], only["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_key_rotates_and_stands_behind_secrets_and_alerts() -> None:
    assert properties("Key")["EnableKeyRotation"] is True
    assert id_of(properties("KeySecret")["KmsKeyId"]) == id_of(properties("AlertTopic")["KmsMasterKeyId"]) == "Key"


@pytest.mark.parametrize("id", ["Key", "KeySecret"])
def test_what_data_and_minted_keys_stand_on_outlives_the_stack(id: str) -> None:
    assert stack()[id]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert stack()[id]["UpdateReplacePolicy"] == "Retain"


def test_the_mac_key_is_drawn_and_no_other_key_is_in_the_template() -> None:
    generated = properties("KeySecret")["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "mac_key"
    assert generated["PasswordLength"] >= 43  # 256 bits of letters and digits
    assert json.loads(generated["SecretStringTemplate"]) == {"admin_keys": {}, "data_keys": {}}
    assert "SecretString" not in properties("KeySecret")


# ---------------------------------------------------------------- events


def test_usage_goes_to_the_three_who_wait_for_it() -> None:
    rule = properties("UsageRule")
    assert rule["EventPattern"] == {"source": ["signalbox"], "detail-type": ["UsageRecorded"]}
    assert {id_of(target["Arn"]) for target in rule["Targets"]} == set(CONSUMERS.values())


def test_every_rule_on_the_bus_is_on_our_bus_and_loses_nothing() -> None:
    rules = {id: rule for id, rule in of_type("AWS::Events::Rule").items() if "EventPattern" in rule}
    assert set(rules) == {"UsageRule", "RollBackWorkflowRequested"}
    for rule in rules.values():
        assert id_of(rule["EventBusName"]) == "Bus"
        assert {id_of(target["DeadLetterConfig"]["Arn"]) for target in rule["Targets"]} == {"UndeliveredQueue"}


def test_every_queue_lets_in_the_rules_that_send_to_it_and_nobody_else() -> None:
    sent: dict[str, set[str]] = {}
    for id, rule in of_type("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            arns = [target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")]
            for queue in (id_of(arn) for arn in arns if arn and stack()[id_of(arn)]["Type"] == "AWS::SQS::Queue"):
                sent.setdefault(queue, set()).add(id)
    let_in = {}
    for policy in of_type("AWS::SQS::QueuePolicy").values():
        [queue], [statement] = policy["Queues"], policy["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert id_of(queue) == id_of(statement["Resource"])
        let_in[id_of(queue)] = {id_of(arn) for arn in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])}
    assert let_in == sent
    assert len(sent) == 4


@pytest.mark.parametrize(("id", "queue_id"), (CONSUMERS | SAMPLES).items())
def test_consumers_retry_what_failed_alone_and_set_aside_what_keeps_failing(id: str, queue_id: str) -> None:
    [source] = [row for row in of_type("AWS::Lambda::EventSourceMapping").values() if id_of(row["FunctionName"]) == id]
    queue = properties(queue_id)
    assert id_of(source["EventSourceArn"]) == queue_id
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert source["MaximumBatchingWindowInSeconds"] <= 5
    assert queue["VisibilityTimeout"] >= 6 * properties(id)["Timeout"] + source["MaximumBatchingWindowInSeconds"]
    assert id_of(queue["RedrivePolicy"]["deadLetterTargetArn"]) == queue_id.replace("Queue", "DeadLetterQueue")
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5  # fewer, and a throttled function loses messages: SQS' advice


def test_queues_are_encrypted_and_what_is_set_aside_waits_as_long_as_sqs_can() -> None:
    for id, queue in of_type("AWS::SQS::Queue").items():
        assert queue.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in queue, id
        if "RedrivePolicy" not in queue and id != "SampleDeadLetterQueue":
            assert queue["MessageRetentionPeriod"] == 14 * 86_400, id


def test_no_sample_outlives_its_days_in_a_queue() -> None:
    for id in ("SampleQueue", "SampleDeadLetterQueue"):
        assert properties(id)["MessageRetentionPeriod"] == 86_400  # the fewest that `capture` takes


def test_everything_said_on_the_bus_is_archived_but_what_somebody_asked_for() -> None:
    """What is replayed is counted once by whoever counts; a roll-back would be made once more."""
    archive = properties("BusArchive")
    assert id_of(archive["SourceArn"]) == "Bus"
    [pattern] = archive["EventPattern"]["detail-type"]
    assert archive["EventPattern"] == {"source": ["signalbox"], "detail-type": [pattern]}
    assert pattern == {"anything-but": properties("RollBackWorkflowRequested")["EventPattern"]["detail-type"]}
    assert archive["RetentionDays"] == 30


def test_the_report_bucket_is_private_and_under_our_key_and_keeps_what_it_has_as_long_as_it_is_told() -> None:
    bucket = properties("ReportBucket")
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert id_of(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == "Key"
    assert rule["BucketKeyEnabled"] is True
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    [expiry] = bucket["LifecycleConfiguration"]["Rules"]
    assert (expiry["Status"], expiry["ExpirationInDays"]) == ("Enabled", {"Ref": "ReportDays"})
    assert yaml_parse(TEXT)["Parameters"]["ReportDays"]["Default"] == 400
    [only] = properties("ReportBucketPolicy")["PolicyDocument"]["Statement"]
    assert (only["Effect"], only["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_reports_are_made_once_a_night() -> None:
    [rule] = [rule for rule in of_type("AWS::Events::Rule").values() if id_of(rule["Targets"][0]["Arn"]) == "ReportFunction"]
    assert rule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert properties("ReportFunction")["Timeout"] == 900


@pytest.mark.parametrize("id", ["ProbeHealthFunction", "SettleExpiredFunction"])
def test_schedules(id: str) -> None:
    [rule] = [rule for rule in of_type("AWS::Events::Rule").values() if id_of(rule["Targets"][0]["Arn"]) == id]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert properties(id)["Timeout"] < 60  # one ends before the next begins


def test_the_roll_back_workflow_logs_and_traces_and_starts_on_request() -> None:
    workflow = properties("RollBackWorkflow")
    assert workflow["LoggingConfiguration"]["Level"] == "ALL"
    assert workflow["TracingConfiguration"] == {"Enabled": True}
    [target] = properties("RollBackWorkflowRequested")["Targets"]
    assert properties("RollBackWorkflowRequested")["EventPattern"]["detail-type"] == ["RollbackRequested"]
    assert id_of(target["Arn"]) == "RollBackWorkflow"
    assert ("states:StartExecution", "RollBackWorkflow") in grants("ControlFunction")


def test_the_roll_back_workflow_is_handed_the_request_with_the_id_of_the_event_that_brought_it() -> None:
    [target] = properties("RollBackWorkflowRequested")["Targets"]
    event = {"id": "315c1398-40ff", "source": "signalbox", "detail": {"undo": "alarm-7"}}
    text = target["InputTransformer"]["InputTemplate"]
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        text = text.replace(f"<{name}>", json.dumps(event[path.removeprefix("$.")]))
    request = to_request(json.loads(text))
    assert (request.id, request.undo) == ("315c1398-40ff", "alarm-7")


def test_every_name_in_the_workflow_is_filled_in() -> None:
    definition = (ROOT / "functions" / "roll_back" / "workflow.asl.json").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", definition)) == set(properties("RollBackWorkflow")["DefinitionSubstitutions"])


# ---------------------------------------------------------------- alarms


def test_every_alarm_notifies() -> None:
    for id, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert [id_of(action) for action in alarm["AlarmActions"]] == ["AlertTopic"], id
        assert alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] == "notBreaching"


def watched() -> set[tuple[str, str]]:
    """(metric, logical id or value of a dimension)"""
    return {
        (alarm["MetricName"], id_of(row["Value"]) if "Fn::Sub" not in row["Value"] else "Api")
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        for row in alarm.get("Dimensions", [])
    }


def test_what_goes_wrong_is_noticed() -> None:
    waiting = {("ApproximateAgeOfOldestMessage", queue) for queue in CONSUMERS.values()}
    aside = {id for id, queue in of_type("AWS::SQS::Queue").items() if "RedrivePolicy" not in queue}
    set_aside = {("ApproximateNumberOfMessagesVisible", queue) for queue in aside}
    failing = {("Errors", function) for function in FUNCTIONS}
    undone = {(f"Executions{how}", "RollBackWorkflow") for how in ("Failed", "TimedOut", "Aborted")}
    others = {("Throttles", "CompleteFunction"), ("5XXError", "Api")}
    assert waiting | set_aside | failing | undone | others <= watched()


@pytest.mark.parametrize("metric", ["SweepFailures", "SettleFailures", "RatesUncounted"])
def test_what_our_own_metrics_say_of_undone_work_is_noticed(metric: str) -> None:
    """By the very dimension that they are written with, or the alarm would see nothing for ever."""
    [alarm] = [alarm for alarm in of_type("AWS::CloudWatch::Alarm").values() if alarm["MetricName"] == metric]
    variables = properties("SettleExpiredFunction")["Environment"]["Variables"]
    [dimension] = alarm["Dimensions"]
    assert dimension == {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}
    assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"] == telemetry.NAMESPACE
    assert properties("CompleteFunction")["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == dimension["Value"]


def test_requests_refused_for_want_of_the_ledger_are_counted_in_the_log_of_complete() -> None:
    counted, alarm = properties("LedgerUnavailableMetric"), properties("LedgerUnavailableAlarm")
    [metric] = counted["MetricTransformations"]
    assert id_of(counted["LogGroupName"]) == id_of(properties("CompleteFunction")["LoggingConfig"]["LogGroup"])
    assert counted["FilterPattern"] == '{ $.outcome = "ledger_unavailable" }'
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])


def test_what_an_idle_stage_costs_is_reckoned_with_what_the_template_has() -> None:
    said = (ROOT / "docs" / "decisions.md").read_text()
    schedules = [rule for rule in of_type("AWS::Events::Rule").values() if rule.get("ScheduleExpression") == "rate(1 minute)"]
    assert f"| {len(of_type('AWS::CloudWatch::Alarm'))} alarms |" in said
    assert f"| {len(schedules)} schedules, each minute" in said
    assert len(of_type("AWS::KMS::Key")) == len(of_type("AWS::SecretsManager::Secret")) == 1
    assert len(of_type("AWS::Lambda::EventSourceMapping")) == 4


# ---------------------------------------------------------------- releases and settings


def version_of_complete(resources: Resources) -> str:
    [id] = [id for id, row in resources.items() if row["Type"] == "AWS::Lambda::Version"]
    alias = resources["CompleteFunctionAliaslive"]["Properties"]
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [id, "Version"]}
    return id


def test_a_changed_layer_publishes_a_new_version_of_complete_and_an_unchanged_one_does_not() -> None:
    published = version_of_complete(stack())
    assert version_of_complete(transformed()) == published
    assert version_of_complete(transformed(layer="layer-2")) != published


def test_so_does_another_release_digest() -> None:
    published = version_of_complete(transformed(ReleaseDigest="a" * 64))
    assert version_of_complete(transformed(ReleaseDigest="a" * 64)) == published
    assert version_of_complete(transformed(ReleaseDigest="b" * 64)) != published


def test_published_versions_and_the_layers_under_them_stay_when_the_next_come() -> None:
    kept = {row["Type"] for row in stack().values() if row.get("DeletionPolicy") == "Retain"}
    assert {"AWS::Lambda::Version", "AWS::Lambda::LayerVersion"} <= kept


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_each_stage_has_its_settings_and_no_secret(stage: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[stage]["deploy"]["parameters"]
    given = dict(pair.split("=", 1) for pair in settings["parameter_overrides"])
    parameters = yaml_parse(TEXT)["Parameters"]
    assert given["Stage"] == stage
    assert settings["stack_name"] == f"signalbox-{stage}"
    assert settings["resolve_s3"] is True
    assert settings["capabilities"] == ["CAPABILITY_IAM"]
    for name, value in given.items():
        assert value in map(str, parameters[name].get("AllowedValues", [value]))
    assert given["ReleaseDigest"] == '""'  # else CloudFormation keeps the last one, under which a changed layer publishes nothing
    assert (given.get("ProtectData") == "true") == (stage == "prod")


def test_no_parameter_takes_a_secret() -> None:
    assert not [name for name in yaml_parse(TEXT)["Parameters"] if re.search(r"secret|password|token|apikey", name, re.IGNORECASE)]


# ---------------------------------------------------------------- the layer


def build_layer(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The layer's own Makefile, with a uv that installs nothing: what uv fetches, `sam build` shows."""
    command = ["make", "--no-print-directory", "build-SharedLayer", "UV=true", f"ARTIFACTS_DIR={folder}"]
    environment = {"PATH": os.environ["PATH"]} | settings
    return subprocess.run(command, cwd=ROOT / "layers" / "shared", env=environment, capture_output=True, text=True, check=False)


def test_the_layer_puts_the_package_on_the_path_and_the_loop_where_lambda_looks(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    built = build_layer(tmp_path)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "python" / "signalbox" / "errors.py").is_file()
    assert os.access(tmp_path / "bootstrap", os.X_OK)
    assert not list(tmp_path.rglob("__pycache__"))
    assert "--python-platform aarch64-manylinux2014 --python-version 3.13" in built.stdout


def test_the_layer_is_built_for_the_architecture_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    assert "--python-platform x86_64-manylinux2014" in build_layer(tmp_path, ARCHITECTURE="x86_64").stdout
    unknown = build_layer(tmp_path, ARCHITECTURE="mips")
    assert unknown.returncode != 0
    assert "Lambda has arm64 and x86_64" in unknown.stderr
