"""template.yaml on its way into the embedded AWS."""

import json

import pytest

from ops.local.artefacts import archive
from ops.local.settings import ROOT
from ops.local.template import adapt, package, read

TEMPLATE = """
Parameters: {Day: {Type: String, Default: 2026-11-21}}
Conditions:
  Big: !Not [!Equals [!Ref Day, ""]]
Resources:
  Bus: {Type: AWS::Events::EventBus}
  Archive: {Type: AWS::Events::Archive, Properties: {SourceArn: !GetAtt Bus.Arn}}
  Function:
    Type: AWS::Serverless::Function
    Condition: Big
    Properties:
      CodeUri: code
      Name: !Sub "${Bus.Arn}/x"
      Nested: !If [Big, !GetAtt [Bus, Arn], !Ref AWS::NoValue]
  Inline: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {StartAt: A}}}
Outputs:
  BusArn: {Value: !GetAtt Bus.Arn}
  ArchiveArn: {Value: !Sub "${Archive.Arn}"}
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return read(path)


def test_short_forms_become_what_cloudformation_means(template):
    assert template["Conditions"]["Big"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Day"}, ""]}]}
    assert template["Resources"]["Archive"]["Properties"]["SourceArn"] == {"Fn::GetAtt": ["Bus", "Arn"]}
    properties = template["Resources"]["Function"]["Properties"]
    assert properties["Name"] == {"Fn::Sub": "${Bus.Arn}/x"}
    assert properties["Nested"] == {"Fn::If": ["Big", {"Fn::GetAtt": ["Bus", "Arn"]}, {"Ref": "AWS::NoValue"}]}
    assert template["Parameters"]["Day"]["Default"] == "2026-11-21"  # and no date
    json.dumps(template)


def test_what_the_emulator_lacks_is_left_out_with_the_outputs_that_name_it_and_is_told(template):
    adapted, left_out = adapt(template)
    assert left_out == ["AWS::Events::Archive: events are not archived"]
    assert set(adapted["Resources"]) == {"Bus", "Function", "Inline"}
    assert set(adapted["Outputs"]) == {"BusArn"}
    assert "Archive" in template["Resources"]


@pytest.mark.parametrize("reference", [{"Ref": "Archive"}, {"Fn::GetAtt": ["Archive", "Arn"]}, {"Fn::Sub": ["${x}/${Archive}", {"x": 1}]}])
def test_a_resource_that_stands_on_one_that_is_left_out_is_a_mistake_in_the_list(template, reference):
    template["Resources"]["Bus"]["Properties"] = {"Deep": [reference]}
    with pytest.raises(ValueError, match="Bus refers"):
        adapt(template)


def test_local_paths_are_uploaded_and_nothing_else_is_touched(template, tmp_path):
    packaged = package(template, tmp_path, lambda id, resource, path: f"s3://{id}/{path.name}")
    assert packaged["Resources"]["Function"]["Properties"]["CodeUri"] == "s3://Function/code"
    assert packaged["Resources"]["Inline"] == template["Resources"]["Inline"]


def test_an_archive_depends_on_content_alone(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "sub" / "__pycache__").mkdir(parents=True)
        (folder / "a.py").write_text("a")
        (folder / "sub" / "b.py").write_text("b")
    (two / "sub" / "__pycache__" / "b.pyc").write_text("compiled")
    (two / "a.py").touch()
    assert archive(one) == archive(two)
    (two / "a.py").write_text("c")
    assert archive(one) != archive(two)


def test_a_condition_that_the_emulators_iam_does_not_know_is_left_out_and_told():
    template = read(ROOT / "template.yaml")
    adapted, told = adapt(template)
    assert "kms:EncryptionContext:stage" in str(template)
    assert "kms:EncryptionContext:stage" not in str(adapted)
    assert str(template).count("kms:ViaService") == str(adapted).count("kms:ViaService")
    assert [line for line in told if "bound to no context" in line]
