"""Moto's server, without what it does again with every call."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto import backends
from moto.core import responses
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

HOST = "127.0.0.1"
POLL_SECONDS = 0.05  # in which it sees that it shall end


class RequestHandler(MotoRequestHandler):
    """Answers in one piece: head and body together, as they fit.

    The SDK for Go, which Terraform's provider calls with, closes its connection where the head of
    an answer overtakes the last step of its own sending. A body that has come with the head is
    still read; one that has not is missed, and the request, done already, is sent again. Waits of
    a network hide that from AWS's users.

    https://github.com/aws/smithy-go/blob/main/transport/http/internal/io/safe.go
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536


@contextmanager
def serving(wrapped: Callable[[Any], Any]) -> Iterator[str]:
    """Serve moto's WSGI application, as `wrapped` returns it. Yields the endpoint."""
    application = wrapped(DomainDispatcherApplication(create_backend_app))
    server = make_server(HOST, 0, application, threaded=True, request_handler=RequestHandler)
    thread = threading.Thread(
        target=server.serve_forever, args=(POLL_SECONDS,), name="moto", daemon=True
    )
    with ExitStack() as stack:
        stack.enter_context(_remembering())
        thread.start()
        stack.callback(server.server_close)
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield f"http://{HOST}:{server.server_port}"


@contextmanager
def _remembering() -> Iterator[None]:
    """Moto reads its own folder and inspects its own class for each call."""
    names = functools.cache(vars(responses)["method_names_from_class"])
    modules = list(backends.list_of_moto_modules())
    with (
        patch.object(responses, "method_names_from_class", names),
        patch.object(backends, "list_of_moto_modules", lambda: modules),
    ):
        yield
