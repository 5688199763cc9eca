"""Secrets Manager, read only."""

from .client import Aws, Call

TIMEOUT_S = 3.0


def fetch(aws: Aws, secret_id: str) -> str:
    """The secret's string (`secret_id` is a name or an ARN). AwsError where it cannot be read."""
    return aws.call(
        Call("secretsmanager", "GetSecretValue", {"SecretId": secret_id}, lambda answer: answer["SecretString"]), timeout_s=TIMEOUT_S
    )
