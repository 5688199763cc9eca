"""Pictures that come inside a `data:` URL. https://www.rfc-editor.org/rfc/rfc2397"""

MARK = ";base64"


def of(url: str) -> tuple[str, str] | None:
    """The media type and the base64 text; None where it is no `data:` URL in base64."""
    head, comma, data = url.partition(",")
    if not (head.startswith("data:") and comma and head.endswith(MARK)):
        return None
    return head[len("data:") : -len(MARK)].partition(";")[0].lower() or "text/plain", data
