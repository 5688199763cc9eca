"""What a query may say. What an endpoint does not know is refused: passed over, it would be the answer to another question."""

from collections.abc import Callable

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from signalbox.errors import Refusal


def check(app: APIGatewayRestResolver, next_middleware: Callable[[APIGatewayRestResolver], Response]) -> Response:
    """A middleware, so that no endpoint can forget it."""
    route = app.context["_route"]
    if route not in (*app._static_routes, *app._dynamic_routes):  # there is none, and that is what is to be told
        return next_middleware(app)
    known = [param.alias for param in route.dependant.query_params]
    for name in app.current_event.resolved_query_string_parameters:
        if name not in known:
            takes = f"It takes {', '.join(known)}" if known else "It takes none"
            raise Refusal("invalid_request", f"{name[:100]}: this endpoint has no such query parameter. {takes}.", param=name[:100])
    return next_middleware(app)
