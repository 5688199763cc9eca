"""A deployed function, fetched back from the embedded AWS and unpacked as Lambda would lay it out: code in /var/task, layers in /opt."""

import functools
import io
import urllib.request
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..trouble import Trouble
from .artefacts import digest
from .emulator import REGION, Cloud
from .settings import CACHE_URL, Settings
from .worker import Function

RUNTIME_SCRIPT = "/var/runtime/bootstrap.py"  # what Lambda would start; a wrapper gets to see it


def fetch(cloud: Cloud, settings: Settings, logical_id: str, qualified: str) -> Function:
    """`qualified` is a name, or an alias's ARN: then it is the code and the environment that the alias points to."""
    found = cloud.client("lambda").get_function(FunctionName=qualified)
    configuration = found["Configuration"]
    layers = [cloud.client("lambda").get_layer_version_by_arn(Arn=layer["Arn"]) for layer in configuration.get("Layers", ())]
    contents = [configuration["CodeSha256"], *(layer["Content"]["CodeSha256"] for layer in layers)]
    folder = settings.home / "functions" / f"{logical_id}-{digest(contents)[:16]}"
    task, opt = folder / "task", folder / "opt"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        _unpack(cloud, found["Code"]["Location"], partial / "task")
        for layer in layers:
            _unpack(cloud, layer["Content"]["Location"], partial / "opt")
        partial.rename(folder)
    variables = configuration.get("Environment", {}).get("Variables", {})
    wrapper = variables.get("AWS_LAMBDA_EXEC_WRAPPER", "")
    if not wrapper.startswith("/opt/"):
        raise Trouble(f"{logical_id} streams, but sets no AWS_LAMBDA_EXEC_WRAPPER below /opt: the managed runtime cannot stream")
    return Function(
        name=configuration["FunctionName"],
        arn=configuration["FunctionArn"],
        command=(str(opt / wrapper.removeprefix("/opt/")), str(settings.python), RUNTIME_SCRIPT),
        environment=_environment(cloud, settings, configuration, task) | variables | _instead(settings),
        folder=task,
        timeout_s=configuration["Timeout"],
        log=settings.logs / f"{logical_id}.log",
        reserved=_reserved(cloud, configuration["FunctionName"]),
        session=functools.partial(_session, cloud, configuration["Role"]),
    )


def _environment(cloud: Cloud, settings: Settings, configuration: dict[str, Any], task: Path) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "SIGNALBOX_AWS_TIMEOUT_S": "5",  # the embedded AWS has no processor of its own: under load it pauses as DynamoDB never would
        "SIGNALBOX_CACHE_PATIENCE_S": "5",
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": str(task),
        "_HANDLER": configuration["Handler"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": settings.environment.get("PATH", ""),
        "TMPDIR": str(settings.home / "tmp"),
    }


def _instead(settings: Settings) -> dict[str, str]:
    """A cache of this machine: template.yaml knows those that it makes, which the embedded AWS does not run."""
    return {CACHE_URL: settings.cache_url} if settings.cache_url else {}


def _session(cloud: Cloud, role: str) -> dict[str, str]:
    """What the function may do is what its role may: the embedded AWS holds it to that."""
    granted = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="front-door", DurationSeconds=43_200)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": granted["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": granted["SecretAccessKey"],
        "AWS_SESSION_TOKEN": granted["SessionToken"],
    }


def _reserved(cloud: Cloud, name: str) -> int | None:
    return cloud.client("lambda").get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")


def _unpack(cloud: Cloud, location: str, target: Path) -> None:
    """The emulator remembers locations with the port it had then."""
    url = urlsplit(location)
    with urllib.request.urlopen(f"{cloud.endpoint}{url.path}?{url.query}") as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    for entry in archive.infolist():
        path = Path(archive.extract(entry, target))
        if mode := entry.external_attr >> 16:
            path.chmod(mode & 0o777)
