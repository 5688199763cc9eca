"""What tests and operators tell the simulators, and ask them: faults, the ledger, health."""

import json
from typing import Any

from .faults import Faults, to_fault
from .http import Request
from .ledger import Ledger
from .providers import PROVIDERS

Reply = tuple[int, Any]

PATHS = "GET /health, GET|PUT|DELETE /faults/<provider>, GET|DELETE /faults, GET|DELETE /ledger, and /<provider>/…"


def control(request: Request, faults: Faults, ledger: Ledger) -> Reply:
    """Status and JSON."""
    match request.method, request.path.strip("/").split("/"):
        case "GET", ["" | "health"]:
            return 200, {"status": "ok", "providers": list(PROVIDERS)}
        case "GET", ["ledger"]:
            since = request.query.get("since", "0")
            return (200, ledger.to_json(int(since))) if since.isdecimal() else _wrong(400, "since must be a whole number from 0")
        case "DELETE", ["ledger"]:
            ledger.clear()
            return 200, ledger.to_json()
        case "GET", ["faults"]:
            return 200, faults.to_json()
        case "DELETE", ["faults"]:
            faults.clear()
            return 200, faults.to_json()
        case "GET" | "PUT" | "DELETE", ["faults", provider] if provider not in PROVIDERS:
            return _wrong(404, f"unknown provider {provider!r}: there are {', '.join(PROVIDERS)}")
        case "GET", ["faults", provider]:
            return 200, faults.to_json().get(provider, {})
        case "PUT", ["faults", provider]:
            return _told(request.body, provider, faults)
        case "DELETE", ["faults", provider]:
            faults.clear(provider)
            return 200, faults.to_json()
        case _, ["" | "health" | "ledger" | "faults"] | ["faults", _]:
            return _wrong(405, f"no {request.method} here; there is {PATHS}")
    return _wrong(404, f"no such path; there is {PATHS}")


def _told(body: bytes, provider: str, faults: Faults) -> Reply:
    try:
        fault = to_fault(json.loads(body))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return _wrong(400, "the body must be JSON")
    except ValueError as error:
        return _wrong(400, str(error))
    faults.tell(provider, fault)
    return 200, fault.to_json()


def _wrong(status: int, message: str) -> Reply:
    return status, {"error": message}
