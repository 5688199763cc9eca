"""Whatever goes wrong, in the data API's own error object, with the codes of `signalbox.errors`; never a stack trace."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from stage import logger
from wording import told

from signalbox.aws.boto_accounts import Torn
from signalbox.aws.boto_budgets import Contended, NoSuchKey, OfTheDocument, OfTheStack
from signalbox.aws.boto_ceilings import CeilingConflict
from signalbox.aws.boto_fields import Unopened
from signalbox.aws.boto_raises import NoSuchBudget, TooManyRaises
from signalbox.aws.boto_versions import CeilingsNotKept, PublishConflict, UnknownVersion
from signalbox.config.source import InvalidDocument
from signalbox.dialects.openai_errors import to_error
from signalbox.errors import Refusal


def handle(app: APIGatewayRestResolver) -> None:
    """Registers a handler for each row of the table, and for what no route answers."""

    def nothing_there(_: Exception) -> Response[str]:
        path = app.context["_path"]
        # The resolver knows of 404 only; what it would have matched, it keeps to itself.
        methods = sorted({route.method for route in [*app._static_routes, *app._dynamic_routes] if route.rule.match(path)})
        method = app.current_event.http_method
        if methods:
            return to_response(Refusal("method_not_allowed", f"{path[:200]} takes {', '.join(methods)}, not {method[:20]}."))
        return to_response(Refusal("not_found", f"There is nothing at {path[:200]}. GET /openapi.json lists what there is."))

    app.not_found(nothing_there)
    for kind, to_refusal in REFUSALS.items():
        app.exception_handler(kind)(lambda error, to_refusal=to_refusal: to_response(to_refusal(error)))


def to_response(refusal: Refusal) -> Response[str]:
    wait = {"retry-after": str(refusal.retry_after_s)} if refusal.retry_after_s is not None else {}
    return Response(refusal.status, "application/json", to_error(refusal).decode(), headers=wait)


def to_proxy(refusal: Refusal) -> dict[str, Any]:
    """For API Gateway as it is, where the resolver was never asked."""
    response = to_response(refusal)
    headers = {name: [value] for name, value in response.headers.items()}
    return {"statusCode": response.status_code, "body": response.body, "isBase64Encoded": False, "multiValueHeaders": headers}


def invalid(error: RequestValidationError) -> Refusal:
    """The first fault, named by its place in the body, the query or the path."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:] if first["type"] != "json_invalid")
    if first["type"] == "json_invalid":
        return Refusal("invalid_request", "The body is not JSON. Send one JSON object.")
    if not place:
        return Refusal("invalid_request", "The body is missing or is no JSON object. Send one.")
    if first["loc"][0] == "query" and isinstance(first.get("input"), list):
        return Refusal("invalid_request", f"{place}: it is there {len(first['input'])} times; keep one of them.", param=place)
    return Refusal("invalid_request", f"{place}: {told(first)}. GET /openapi.json says what fits.", param=place)


def internal(error: Exception) -> Refusal:
    logger.exception("a request ended in an error of ours", exc_info=error)
    return Refusal("internal_error", "Signalbox failed. It is logged; try again, and report it if it stays.")


def _document(error: InvalidDocument) -> Refusal:
    return Refusal("invalid_request", f"The document cannot go live. The live version stays.\n{error}", param="document")


def _ceiling(error: OfTheDocument) -> Refusal:
    message = f"{error}: this budget is max_cost_a_day_usd of the route in the live configuration. Publish another to change it."
    return Refusal("invalid_request", message, param="id")


OF_THE_STACK = (
    "This budget is the stack's daily alert. Set a global budget per day of your own instead of it, or deploy with DailyAlertUsd=0."
)

REFUSALS = {
    Refusal: lambda error: error,
    RequestValidationError: invalid,
    UnicodeDecodeError: lambda error: Refusal("invalid_request", "The body is not UTF-8."),
    RecursionError: lambda error: Refusal("invalid_request", "The body is nested too deeply."),
    InvalidDocument: _document,
    UnknownVersion: lambda error: Refusal("not_found", str(error)),
    Unopened: lambda error: Refusal("not_found", f"What is stored here cannot be opened any more. {error}"),
    PublishConflict: lambda error: Refusal("request_in_progress", str(error), retry_after_s=1),
    CeilingConflict: lambda error: Refusal("invalid_request", f"Nothing goes live. The live version stays.\n{error}", param="document"),
    CeilingsNotKept: lambda error: Refusal("ledger_unavailable", str(error), retry_after_s=1),
    OfTheDocument: _ceiling,
    OfTheStack: lambda error: Refusal("invalid_request", OF_THE_STACK, param="scope"),
    NoSuchBudget: lambda error: Refusal("not_found", f"{error}. GET /admin/budgets lists them.", param="id"),
    TooManyRaises: lambda error: Refusal("invalid_request", f"{error}.", param="period"),
    Contended: lambda error: Refusal("request_in_progress", "Others are changing the same budget. Try again.", retry_after_s=1),
    Torn: lambda error: Refusal("request_in_progress", f"{error}. Should it stay so: docs/ledger.md.", retry_after_s=1),
    NoSuchKey: lambda error: Refusal("not_found", "The key has been deleted. GET /admin/keys lists them.", param="id"),
    Exception: internal,
}
