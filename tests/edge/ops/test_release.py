"""The digest under which a deployment publishes a new version of `complete`."""

import subprocess
import sys

import pytest

from ops import release
from ops.local.settings import ROOT


@pytest.fixture
def built(tmp_path):
    (tmp_path / "build" / "CompleteFunction").mkdir(parents=True)
    (tmp_path / "build" / "CompleteFunction" / "handler.py").write_text("a = 1")
    return tmp_path


def overrides(folder, *given):
    rows = ", ".join(f"'{row}'" for row in [*given, 'ReleaseDigest=""'])
    (folder / "samconfig.toml").write_text(f"[dev.deploy.parameters]\nparameter_overrides = [{rows}]\n")
    return release.overrides("dev", folder / "samconfig.toml", folder / "build")


def test_the_digest_is_of_the_parameters_and_of_what_was_built(built):
    first = overrides(built, "Stage=dev", "LogLevel=INFO")
    assert first[:-1] == ["Stage=dev", "LogLevel=INFO"]
    assert len(first[-1]) == len("ReleaseDigest=") + 64
    (built / "build" / "CompleteFunction" / "__pycache__").mkdir()
    (built / "build" / "CompleteFunction" / "__pycache__" / "handler.pyc").write_text("x")
    assert overrides(built, "Stage=dev", "LogLevel=INFO") == first
    seen = {first[-1], overrides(built, "Stage=dev", "LogLevel=DEBUG")[-1]}
    (built / "build" / "CompleteFunction" / "handler.py").rename(built / "build" / "CompleteFunction" / "other.py")
    seen.add(overrides(built, "Stage=dev", "LogLevel=INFO")[-1])
    (built / "build" / "CompleteFunction" / "other.py").write_text("a = 2")
    seen.add(overrides(built, "Stage=dev", "LogLevel=INFO")[-1])
    assert len(seen) == 4


@pytest.fixture
def checkout(built):
    """As much of one as a release needs, with a build of its own: another test may be making the real one."""
    (built / "build").rename(built / ".aws-sam")
    (built / ".aws-sam" / "build").mkdir()
    (built / ".aws-sam" / "CompleteFunction").rename(built / ".aws-sam" / "build" / "CompleteFunction")
    for name in ("Makefile", "ops", "samconfig.toml"):
        (built / name).symlink_to(ROOT / name)
    return built


def test_it_runs_on_a_bare_python_where_make_runs_it(checkout):
    command = [sys.executable, "-I", "-S", "ops/release.py", "prod"]
    words = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.split()
    assert "ProtectData=true" in words
    assert [word.split("=")[0] for word in words].count("ReleaseDigest") == 1


def test_a_stage_that_samconfig_lacks_deploys_nothing(checkout):
    """With no parameters at all, a deployment would fall back to the template's defaults."""

    def deploy(stage):
        words = ["make", "-o", "build", "-o", ".venv/.ready", "deploy", f"ENV={stage}", "SAM=echo sam", f"PYTHON={sys.executable}"]
        return subprocess.run(words, cwd=checkout, capture_output=True, text=True)

    assert "\nsam deploy --config-env dev --parameter-overrides Stage=dev BusName=signalbox-dev ReleaseDigest=" in deploy("dev").stdout
    unknown = deploy("nowhere")
    assert unknown.returncode != 0
    assert "\nsam deploy" not in unknown.stdout
