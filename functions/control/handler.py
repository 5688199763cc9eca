"""control: the admin API, and what callers may ask about their own use."""

import json
from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any

import access
import analytics
import audit
import budgets
import calls
import changes
import circuits
import config
import drafts
import failures
import flags
import keys
import openapi
import own_keys
import policies
import query
import raises
import reports
import rollbacks
import routes
import samples
import savings
import segments
import simulations
import sums
import teams
import tenants
import usage
from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from stage import logger

from signalbox.errors import Refusal

JSON = "application/json"
NOUNS = (
    *(keys, tenants, teams, own_keys, budgets, raises, usage, calls, samples, reports, analytics, savings, config, drafts),
    *(policies, flags, segments, circuits, rollbacks, changes, routes, simulations, openapi),
)
MOST_DIGITS = 400  # before the point or behind it; nothing is counted in so many


def number(text: str) -> Decimal | float:
    """As it is written. What has more digits than anything is counted in takes minutes to make an int of: it is infinite, or nothing."""
    exact = Decimal(text)
    return exact if abs(exact.adjusted()) < MOST_DIGITS else float(text)


def whole(text: str) -> int | float:
    return int(text) if len(text) <= MOST_DIGITS else float(text)


def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As in a document, what is said twice is refused: nobody knows which is meant."""
    data = dict(pairs)
    if len(data) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise Refusal("invalid_request", f"{twice[:100]}: it is there twice; keep one of them.", param=twice[:100])
    return data


tracer = Tracer()
reading = partial(json.loads, parse_float=number, parse_int=whole, object_pairs_hook=mapping)
app = APIGatewayRestResolver(enable_validation=True, json_body_deserializer=reading)
app.use(middlewares=[audit.record, query.check])
for noun in NOUNS:
    app.include_router(noun.router)
failures.handle(app)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    sums.anew()
    try:  # before the resolver, which looks at the body first
        app.append_context(who=access.identify(event["httpMethod"], event["path"], APIGatewayProxyEvent(event).headers))
        event = as_json(event)
    except Refusal as refusal:
        return failures.to_proxy(refusal)
    except Exception as error:
        return failures.to_proxy(failures.internal(error))
    return app.resolve(event, context)


def as_json(event: dict[str, Any]) -> dict[str, Any]:
    """JSON is all this API takes; curl calls whatever it sends a form unless it is told otherwise."""
    names = ("headers", "multiValueHeaders")
    plain, many = ({name: value for name, value in (event.get(of) or {}).items() if name.lower() != "content-type"} for of in names)
    return event | {"headers": plain | {"content-type": JSON}, "multiValueHeaders": many | {"content-type": [JSON]}}
