"""control: the admin API, and what callers may ask about their own use."""

from typing import Any

import access
import analytics
import audit
import bodies
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

NOUNS = (
    *(keys, tenants, teams, own_keys, budgets, raises, usage, calls, samples, reports, analytics, savings, config, drafts),
    *(policies, flags, segments, circuits, rollbacks, changes, routes, simulations, openapi),
)

tracer = Tracer()
app = APIGatewayRestResolver(enable_validation=True, json_body_deserializer=bodies.read)
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
        event = bodies.as_json(event)
    except Refusal as refusal:
        return failures.to_proxy(refusal)
    except Exception as error:
        return failures.to_proxy(failures.internal(error))
    return app.resolve(event, context)
