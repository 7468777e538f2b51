"""The types and replies that the layers of the server share."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

type Environ = dict[str, Any]
type StartResponse = Callable[..., Any]
type Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def reply(
    environ: Environ,
    start_response: StartResponse,
    status: int,
    body: str,
    headers: Mapping[str, str],
) -> Iterable[bytes]:
    content = body.encode()
    all_headers = [*headers.items(), ("Content-Length", str(len(content)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", all_headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]
