"""Who changed what, or read what people wrote: one log line and one item for each, kept for 400 days. Never a key, never a body."""

from collections.abc import Callable
from uuid import uuid4

import stage
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from stage import logger

from signalbox.aws import boto_audit

READS = {("POST", "/admin/config/check"), ("POST", "/admin/config/diff")}


def record(app: APIGatewayRestResolver, next_middleware: Callable[[APIGatewayRestResolver], Response]) -> Response:
    """A middleware, so that no endpoint can forget it. What the path does not say, an endpoint puts into the context as `changed`, and
    as `tenant` whose it is; a reading that is to be known it marks as `read`.
    """
    response = next_middleware(app)
    method, path = app.current_event.http_method, app.context["_path"]
    read = bool(app.context.get("read"))
    if (method == "GET" and not read) or (method, path) in READS or response.status_code >= 400:
        return response
    at = stage.now()
    entry = {"who": app.context["who"], "method": method, "path": path}
    entry |= {name: app.context.get(name, "") for name in ("changed", "tenant")}
    logger.info("read by an operator" if read else "changed by an operator", at=at.isoformat(timespec="milliseconds"), **entry)
    try:
        boto_audit.write(stage.control(), at, uuid4().hex[:8], entry)
    except Exception:
        logger.exception("the audit item was not written; the line before this one is the record")
    return response
