"""botocore's own signer is the oracle."""

from datetime import UTC, datetime
from unittest import mock

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from signalbox.aws.sign import Credentials, signed
from signalbox.wire import HttpRequest

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
SEGMENTS = st.lists(
    st.text(st.sampled_from("abcXYZ019-_.~:@!$&'()*+,;= %é"), min_size=1).filter(lambda text: text not in (".", "..")), max_size=3
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    method=st.sampled_from(["GET", "POST"]),
    service=st.sampled_from(["dynamodb", "events", "secretsmanager", "bedrock", "s3"]),
    segments=SEGMENTS,
    headers=st.dictionaries(st.sampled_from(["Content-Type", "x-amz-target", "X-Amz-Meta"]), PRINTABLE),
    body=st.binary(),
    token=st.none() | PRINTABLE,
    secret=PRINTABLE,
    at=MOMENTS,
)
def test_the_signature_is_the_one_botocore_makes(method, service, segments, headers, body, token, secret, at):
    from urllib.parse import quote

    path = "/" + "/".join(quote(segment) for segment in segments)
    url = f"https://{service}.eu-central-1.amazonaws.com{path}"
    ours = signed(HttpRequest(method, url, headers, body), Credentials("AKID", secret, token), "eu-central-1", service, at.timestamp())

    theirs = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(BotoCredentials("AKID", secret, token), service, "eu-central-1")
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=None)):
        signer.add_auth(theirs)
    assert ours.headers["authorization"] == theirs.headers["Authorization"]


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4))
def test_a_query_is_signed_as_botocore_signs_it(pairs):
    from urllib.parse import urlencode

    at = datetime(2026, 11, 21, tzinfo=UTC)
    url = "https://s3.eu-central-1.amazonaws.com/bucket" + ("?" + urlencode(pairs) if pairs else "")
    ours = signed(HttpRequest("GET", url), Credentials("AKID", "secret"), "eu-central-1", "s3", at.timestamp())

    theirs = AWSRequest(method="GET", url="https://s3.eu-central-1.amazonaws.com/bucket", params=pairs)
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=None)):
        S3SigV4Auth(BotoCredentials("AKID", "secret"), "s3", "eu-central-1").add_auth(theirs)
    assert ours.headers["authorization"].rpartition("=")[2] == theirs.headers["Authorization"].rpartition("=")[2]
