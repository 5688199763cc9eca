"""Fields under the stage's key, one by one: what a table or a bucket shows then, whoever may read it, is not what they say. Uses boto3.

Powertools' data masking with the AWS Encryption SDK. A data key serves for five minutes, both ways, so that KMS is asked once for a list.
The context (the stage, and what the field belongs to) is bound to the text: put elsewhere, it opens no more.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

KEY = "SIGNALBOX_FIELD_KEY"
NONE = "none"
SEALED = "sealed:"  # what was stored before there was a key has no such beginning
KEYS_KEPT, KEPT_S = 100, 300.0


class Unopened(Exception):
    """It was sealed by another key or for another place, or has been changed; or KMS does not let us."""


class Fields(Protocol):
    def sealed(self, text: str, **context: str) -> str: ...

    def opened(self, stored: str, **context: str) -> str:
        """Raises Unopened."""


class Plain:
    """Nothing is sealed, because somebody said so."""

    def sealed(self, text: str, **context: str) -> str:
        return text

    def opened(self, stored: str, **context: str) -> str:
        if stored.startswith(SEALED):
            raise Unopened(f"It is sealed by a key, and {KEY} says {NONE}.")
        return stored


class Sealed:
    """`client` is boto3's for KMS; without it one is made for the region of the key."""

    def __init__(self, key: str, stage: str, client: Any = None) -> None:
        self._key = key
        self._stage = stage
        self._client = client

    def sealed(self, text: str, **context: str) -> str:
        return SEALED + _masking(self._key, self._client).encrypt(text, stage=self._stage, **context)

    def opened(self, stored: str, **context: str) -> str:
        if not stored.startswith(SEALED):
            return stored
        from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
        from aws_lambda_powertools.utilities.data_masking.exceptions import DataMaskingContextMismatchError
        from cryptography.exceptions import InvalidSignature, InvalidTag

        damaged = (DataMaskingContextMismatchError, InvalidSignature, InvalidTag, ValueError)

        try:
            text: str = _masking(self._key, self._client).decrypt(stored.removeprefix(SEALED), stage=self._stage, **context)
        except (AWSEncryptionSDKClientError, *damaged) as error:
            raise Unopened(f"It does not open under {self._key}: {type(error).__name__}.") from error
        return text


def of(environ: Mapping[str, str], client: Any = None) -> Fields:
    """By the environment. What is left out is no permission to store in plain: that is said by `none`."""
    key = environ.get(KEY, "")
    if not key:
        raise ValueError(f"{KEY} is not set: give it the ARN of the stage's KMS key, or {NONE!r} to store in plain")
    return Plain() if key == NONE else Sealed(key, environ["SIGNALBOX_STAGE"], client)


@cache
def _masking(key: str, client: Any) -> Any:
    """What it imports takes 0.4 s, so that nobody does who seals nothing."""
    from aws_encryption_sdk import StrictAwsKmsMasterKeyProvider
    from aws_lambda_powertools.utilities.data_masking import DataMasking
    from aws_lambda_powertools.utilities.data_masking.provider.kms.aws_encryption_sdk import AWSEncryptionSDKProvider, KMSKeyProvider

    class Keys(StrictAwsKmsMasterKeyProvider):
        """With the client that it was given."""

        def add_regional_client(self, region_name: str) -> None:
            if client is None:
                super().add_regional_client(region_name)
            else:
                self._regional_clients[region_name] = client

    class Provider(KMSKeyProvider):
        """Which asks KMS for every text that it opens, unless it is handed the cache that it seals by."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            if client is not None:
                self.key_provider = Keys(key_ids=self.keys)
                self.cache_cmm.backing_materials_manager.master_key_provider = self.key_provider

        def decrypt(self, data: str, provider_options: Any = None, **context: str) -> Any:
            plain, head = self.client.decrypt(source=b64decode(data), materials_manager=self.cache_cmm)
            self._compare_encryption_context(head.encryption_context, context)
            return json.loads(plain)

    own = Provider([key], json.dumps, json.loads, KEYS_KEPT, KEPT_S)
    return DataMasking(AWSEncryptionSDKProvider([key], key_provider=own, local_cache_capacity=KEYS_KEPT, max_cache_age_seconds=KEPT_S))
