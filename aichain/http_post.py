"""One POST to an address that the operator named: a status, or what went wrong. Blocking."""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

from aichain.http_answer import BoundedAnswer


class _Status(BoundedAnswer):
    """Only its head is read."""

    TIMEOUTS = 2


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int | str:
    """The status of one answer, whose body is not read. Redirections are not followed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    assert parts.hostname is not None, "addresses are checked where they are read"
    connection = kind(parts.hostname, parts.port, timeout=timeout_s)
    connection.response_class = _Status
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status
    except TimeoutError:
        return "no answer in time"
    except OSError as error:
        return error.strerror or str(error)
    except http.client.HTTPException:
        return "what answers does not speak HTTP"
    finally:
        connection.close()
