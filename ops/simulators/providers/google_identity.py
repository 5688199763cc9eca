"""A service account of the simulated Google: its key is public, opens nothing but the simulators, and lets them check who signs.

https://cloud.google.com/iam/docs/keys-create-delete  https://www.rfc-editor.org/rfc/rfc8017 (appendix A.1.2, section 8.2.2)
"""

import base64
from hashlib import sha256
from typing import Any

EMAIL = "signalbox@simulated.iam.gserviceaccount.com"
PROJECT = "simulated"
KEY_ID = "simulated-key-1"
EXPONENT = 65537
P = int(
    "f03d197090f9aa89b80f0729742c86b537d82ee81c1a911adceabd628627457c304d199b7df17450a51ca6d70cf3a5bb26cb0e99c1b81ef3985d0ec8faab8182"
    "0cf53526d0bb2ee8658a20eb8f24b456b0da1650025f04a18571f65c4fd4afb25baf6cab17fdb799bbb27b6bbb097cd2afe37fb8e160df21a097c6c67e0c1fcd",
    16,
)
Q = int(
    "e538f4aeab60f7e17327585d3aa0dc3b0839a99049ce4aa3cc8c8043c3c39d9442959acf3c4a68552483d21e3c274992ec4d8bb99aab13c564d79e26e321d08e"
    "1f2ef5bbb655507b7f7b5ff8cf2f3ba7a647bb1e4d70006faf51ee5f5b6478c4d919b5cad80a04922918b3c6fe65f0adade6fa1e6134d693f8b6228c0da287bb",
    16,
)
MODULUS = P * Q
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")
INTEGER, OCTETS, SEQUENCE = 0x02, 0x04, 0x30


def service_account(token_uri: str = "https://oauth2.googleapis.com/token") -> dict[str, Any]:
    """As the file that the cloud console gives out, with the address where its tokens are had."""
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": KEY_ID,
        "private_key": _pem(),
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "token_uri": token_uri,
    }


def is_signed(message: bytes, signature: bytes) -> bool:
    """With this account's key, by RSASSA-PKCS1-v1_5 and SHA-256."""
    size = (MODULUS.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    opened = pow(int.from_bytes(signature), EXPONENT, MODULUS).to_bytes(size)
    digest = SHA256_INFO + sha256(message).digest()
    return opened == b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest


def _pem() -> str:
    """PKCS #8, as the files have it."""
    secret = pow(EXPONENT, -1, (P - 1) * (Q - 1))
    numbers = (0, MODULUS, EXPONENT, secret, P, Q, secret % (P - 1), secret % (Q - 1), pow(Q, -1, P))
    key = _tagged(SEQUENCE, b"".join(map(_integer, numbers)))
    text = base64.b64encode(_tagged(SEQUENCE, _integer(0) + RSA_ENCRYPTION + _tagged(OCTETS, key))).decode()
    lines = [text[place : place + 64] for place in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {_LABEL}-----", *lines, f"-----END {_LABEL}-----", ""))


_LABEL = "PRIVATE KEY"


def _integer(number: int) -> bytes:
    return _tagged(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    long = b"" if size < 0x80 else size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 + len(long)]) + long + content if long else bytes([tag, size]) + content
