"""GET /openapi.json: both APIs in one document. The control API's part is made from its own routes and models, the data API's is beside."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import access
import yaml
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.api_gateway import Router

from signalbox.errors import STATUS

router = Router()

VERSION = "0.1.0"
DATA_API = Path(__file__).with_name("data_api")
SECURITY: dict[str | None, list[dict[str, list[str]]]] = {access.EVERYBODY: [], access.CALLERS: [{"data_key": []}, {"token": []}]}


@router.get("/openapi.json", include_in_schema=False)
def show() -> dict[str, Any]:
    app = router.api_resolver
    assert isinstance(app, APIGatewayRestResolver)
    return document(app)


def document(app: APIGatewayRestResolver) -> dict[str, Any]:
    control = app.get_openapi_schema(title="Signalbox", version=VERSION).model_dump(mode="json", by_alias=True, exclude_none=True)
    data, schemas = _data_api()
    schemas |= control["components"]["schemas"]
    for powertools_own in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(powertools_own, None)
    statuses = ", ".join(f"{code} {status}" for code, status in STATUS.items())
    schemas["ErrorCode"] = {"type": "string", "enum": sorted(STATUS), "description": f"Stable, each with its status: {statuses}"}
    paths = data["paths"] | {path: _said(path, item) for path, item in control["paths"].items()}
    return {
        "openapi": control["openapi"],
        "info": data["info"] | {"version": VERSION},
        "servers": data["servers"],
        "tags": data["tags"],
        "paths": dict(sorted(paths.items())),
        "components": data["components"] | {"schemas": dict(sorted(schemas.items()))},
    }


def _data_api() -> tuple[dict[str, Any], dict[str, Any]]:
    """The document of `api.yaml`, and the schemas that it and its neighbours hold."""
    files = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(DATA_API.glob("*.yaml"))}
    return files["api"], {name: schema for file in files.values() for name, schema in file["components"]["schemas"].items()}


def _said(path: str, item: dict[str, Any]) -> dict[str, Any]:
    """What powertools does not know: our errors instead of its own, and who may call."""
    item = deepcopy(item)
    for method, operation in item.items():
        operation["responses"].pop("422", None)
        operation["responses"] |= {kind: {"$ref": "#/components/responses/Error"} for kind in ("4XX", "5XX")}
        who = access.who_may(method.upper(), path)
        assert who, f"access.ROWS says of nobody that they may {method} {path}"
        operation["security"] = SECURITY.get(who, [{"admin_key": [who]}, {"token": [who]}])
        if who not in SECURITY:
            operation["description"] = "\n\n".join(filter(None, [operation.get("description"), f"Needs the permission `{who}`."]))
    return item
