"""Where answers are kept, and by which secret they are named: one keeper per container, which keeps nothing open until somebody asks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..aws.client import Aws
from .asked import Asked
from .keeping import Keeping

if TYPE_CHECKING:
    from ..aws.kept import Store
    from .kept_lookup import Cache
    from .kept_once import Claim


class Places(NamedTuple):
    """Where answers are kept: a table, and a bucket for what is too large for it. `cache_url`: Valkey, for those of the cache."""

    table: str
    bucket: str
    cache_url: str = ""


class Keeper:
    """One per container. `secret` is what names are made by."""

    def __init__(self, aws: Aws, places: Places, secret: Callable[[], bytes], wall: Callable[[], float]) -> None:
        self.aws = aws
        self.places = places
        self.secret = secret
        self.wall = wall
        self._cache: Cache | None = None

    def of(self, asked: Asked, body: bytes) -> Keeping:
        return Keeping(self, asked, body)

    def claim(self, asked: Asked, body: bytes) -> "Claim":
        from .kept_names import body_mark, once_name
        from .kept_once import Claim

        secret = self.secret()
        name, mark = once_name(secret, asked.caller, asked.idempotency_key), body_mark(secret, asked.request.dialect, body)
        return Claim(self.aws, self.places.table, self.places.bucket, name, mark, asked.id)

    @property
    def cache(self) -> "Cache":
        if self._cache is None:
            from .kept_lookup import Cache

            self._cache = Cache(self.aws, self._store(), self.wall)
        return self._cache

    def _store(self) -> "Store":
        if not self.places.cache_url:
            from ..aws.kept import DynamoDbStore

            return DynamoDbStore(self.places.table)
        from ..aws.valkey import SERVICE, Valkey, ValkeyStore, iam_token

        self.aws.carried(SERVICE, Valkey(self.places.cache_url, iam_token(self.aws), self.wall))
        return ValkeyStore()
