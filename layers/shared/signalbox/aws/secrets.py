"""Secrets Manager, read only."""

from .client import Aws


def fetch(aws: Aws, secret_id: str) -> str:
    """The secret's string (`secret_id` is a name or an ARN). AwsError where it cannot be read."""
    raise NotImplementedError
