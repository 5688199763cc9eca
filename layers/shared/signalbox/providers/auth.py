"""How a request shows its key: one row a scheme. Those that sign or fetch a token first do so at the edge, in `aws.credentials`."""

from collections.abc import Mapping

from ..wire import HttpRequest

HEADERS = {
    "bearer": ("authorization", "Bearer {}"),
    "x-api-key": ("x-api-key", "{}"),
    "api-key": ("api-key", "{}"),
    "x-goog-api-key": ("x-goog-api-key", "{}"),
}
AT_THE_EDGE = frozenset({"sigv4", "google", "entra"})  # all end in a signature or in a bearer token
SCHEMES = frozenset({*HEADERS, *AT_THE_EDGE, "none"})


def with_key(request: HttpRequest, scheme: str, key: str | None) -> HttpRequest:
    return request._replace(headers={**request.headers, **headers(scheme, key)})


def headers(scheme: str, key: str | None) -> Mapping[str, str]:
    if key is None or scheme == "none":
        return {}
    name, form = HEADERS["bearer" if scheme in AT_THE_EDGE else scheme]
    return {name: form.format(key)}
