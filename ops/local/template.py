"""template.yaml as this machine deploys it: what the embedded AWS cannot do is left out, local folders become archives."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

# type: what is missing without it
LEFT_OUT = {
    "AWS::Events::Archive": "events are not archived",
    "AWS::S3::BucketPolicy": "it demands TLS, which nothing on loopback speaks",
    "AWS::CloudWatch::CompositeAlarm": "no composite alarms",
    "AWS::CodeDeploy::Application": "no traffic shifting",
    "AWS::CodeDeploy::DeploymentGroup": "no traffic shifting",
}
UNKNOWN_CONDITION = "kms:EncryptionContext:"  # to the emulator's IAM, which would refuse what it is to allow
# type: the property that names a local path
PACKAGED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}

Template = dict[str, Any]
Upload = Callable[[str, Mapping[str, Any], Path], Any]  # logical id, resource, path → what the property becomes


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
# CloudFormation reads dates as text; YAML's own dates would not survive as JSON.
_Loader.yaml_implicit_resolvers = {
    first: [row for row in rows if row[0] != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> Template:
    return yaml.load(path.read_text(), _Loader)


def adapt(template: Template) -> tuple[Template, list[str]]:
    """The template without what the emulator lacks, and what was left out of it."""
    template = copy.deepcopy(template)
    resources = template["Resources"]
    gone = {id: row["Type"] for id, row in resources.items() if row["Type"] in LEFT_OUT}
    for id in gone:
        del resources[id]
    for section in (template.get("Outputs", {}), resources):
        for id in [id for id, row in section.items() if _refers(row, gone)]:
            if section is resources:
                raise ValueError(f"{id} refers to a resource that is left out here: leave {id} out as well")
            del section[id]
    told = [f"{type}: {LEFT_OUT[type]}" for type in dict.fromkeys(gone.values())]
    unbound = sum([_unbind(statement) for statement in _statements(resources)])
    return template, told + ([f"{UNKNOWN_CONDITION}*: a key's use is bound to no context"] if unbound else [])


def _statements(resources: Template) -> Iterator[dict[str, Any]]:
    for row in resources.values():
        for policy in row.get("Properties", {}).get("Policies", ()) if row["Type"] == "AWS::IAM::Role" else ():
            yield from policy["PolicyDocument"]["Statement"]


def _unbind(statement: dict[str, Any]) -> bool:
    bound = [operator for operator, row in statement.get("Condition", {}).items() if any(key.startswith(UNKNOWN_CONDITION) for key in row)]
    for operator in bound:
        del statement["Condition"][operator]
    if not statement.get("Condition", True):
        del statement["Condition"]
    return bool(bound)


def package(template: Template, root: Path, upload: Upload) -> Template:
    template = copy.deepcopy(template)
    for id, row in template["Resources"].items():
        name = PACKAGED.get(row["Type"], "")
        path = row.get("Properties", {}).get(name)
        if isinstance(path, str):
            row["Properties"][name] = upload(id, row, root / path)
    return template


def _refers(value: Any, ids: Mapping[str, str]) -> bool:
    if isinstance(value, dict):
        target = value.get("Ref") or value.get("Fn::GetAtt") or value.get("Fn::Sub") or ""
        text = target[0] if isinstance(target, list) else target
        return any(name in ids for name in re.findall(r"\w+", str(text))) or any(_refers(row, ids) for row in value.values())
    return isinstance(value, list) and any(_refers(row, ids) for row in value)
