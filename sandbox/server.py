"""Moto's server on a port of this machine's loopback interface."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto import backends
from moto.core import responses
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from sandbox.overrides import Override, replace

HOST = "127.0.0.1"
POLL_SECONDS = 0.05  # the interval at which it checks for its shutdown


class RequestHandler(MotoRequestHandler):
    """Sends the head and the body of an answer in one piece, as far as they fit.

    The AWS SDK for Go, which Terraform's provider uses, closes its connection where the head of an
    answer arrives before its own request is completely sent, and repeats a request whose body did
    not come with the head. With AWS, the network's latency hides this.

    https://github.com/aws/smithy-go/blob/main/transport/http/internal/io/safe.go
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536


class Server:
    """Listens from the start and answers while it is `running`."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        """`wrapped` returns moto's WSGI application with the sandbox's around it."""
        application = wrapped(DomainDispatcherApplication(create_backend_app))
        self._server = make_server(
            HOST, 0, application, threaded=True, request_handler=RequestHandler
        )
        self.endpoint = f"http://{HOST}:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="moto", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()

    def close(self) -> None:
        self._server.server_close()


def overrides() -> list[Override]:
    """Moto reads its own folder and inspects its own class for each call."""
    names = functools.cache(vars(responses)["method_names_from_class"])
    modules = list(backends.list_of_moto_modules())
    return [
        *replace(responses, method_names_from_class=names),
        *replace(backends, list_of_moto_modules=lambda: modules),
    ]
