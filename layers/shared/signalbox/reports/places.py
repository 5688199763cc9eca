"""Where reports are kept: a key for each, whatever a tenant or a team is called."""

from hashlib import sha256
from urllib.parse import quote, unquote

ALL = "_all"  # a team of this name is written otherwise
FORMATS = ("json", "csv", "html")
MOST_CHARS = 150  # of a name in a key: events tell keys, of up to 400


def folder(day: str, tenant: str | None = None) -> str:
    return f"reports/{day}/" + (f"{_written(tenant)}/" if tenant is not None else "")


def key(day: str, tenant: str, team: str | None, format: str) -> str:
    return f"{folder(day, tenant)}{ALL if team is None else _written(team)}.{format}"


def named(key: str) -> tuple[str, str | None]:
    """Tenant and team of a key; a name that was too long for it as it was shortened."""
    tenant, _, rest = key.split("/", 2)[2].partition("/")
    team = rest.rpartition(".")[0]
    return unquote(tenant), None if team == ALL else unquote(team)


def _written(name: str) -> str:
    """None that begins with a dot, which paths may take for something else, or as ours does."""
    written = quote(name, safe="")
    if not name or name[0] in "._":
        written = f"%{ord(name[:1] or chr(0)):02X}{quote(name[1:], safe='')}"
    return written if len(written) <= MOST_CHARS else f"{written[:120]}~{sha256(name.encode()).hexdigest()[:16]}"
