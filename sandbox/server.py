"""Moto's server on a port of this machine's loopback interface."""

import functools
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from moto import backends
from moto.core import responses
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.wsgi import get_input_stream

from sandbox.control import Application, reply
from sandbox.overrides import Override, replace

HOST = "127.0.0.1"
MOTO_PATHS = ("/moto-api", "/favicon.ico", "/latest/meta-data/", "/latest/api/")
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

    def handle_expect_100(self) -> bool:
        """Sent at once, since the client waits for it; werkzeug would send it a second time."""
        proceeds = super().handle_expect_100()
        self.wfile.flush()
        del self.headers["Expect"]
        return proceeds


class Server:
    """Listens from the start and answers while it is `running`."""

    def __init__(self, around: Callable[[Application], Application]) -> None:
        """`around` returns moto's application with the sandbox's around it."""
        application = _guarded(around(DomainDispatcherApplication(create_backend_app)))
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


def _guarded(application: Application) -> Application:
    """Refuse what no AWS client sends: web pages that reach for the endpoint, and moto's own paths.

    A page whose domain is made to resolve to this machine sends its own domain as the host. Moto's
    paths give all keys away, and change everything, without a signature.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # An unread body would keep the connection open.
        environ["wsgi.input"] = io.BytesIO(get_input_stream(environ).read())
        host, expected = environ.get("HTTP_HOST"), f"{HOST}:{environ['SERVER_PORT']}"
        if host != expected or not environ["RAW_URI"].startswith("/"):
            reason = f"Host: got {host}, expected {expected}"
            return reply(start_response, HTTPStatus.MISDIRECTED_REQUEST, {"error": reason})
        if environ["PATH_INFO"].startswith(MOTO_PATHS):
            reason = f"{environ['PATH_INFO']}: AWS has no such path"
            return reply(start_response, HTTPStatus.NOT_FOUND, {"error": reason})
        return application(environ, start_response)

    return answer


def overrides() -> list[Override]:
    """No CORS headers, which let web pages read the answers, and less work for each call.

    Moto reads its own folder and inspects its own class each time.
    """
    names = functools.cache(vars(responses)["method_names_from_class"])
    modules = list(backends.list_of_moto_modules())
    return [
        *replace(werkzeug_app, DISABLE_GLOBAL_CORS=True),
        *replace(responses, method_names_from_class=names),
        *replace(backends, list_of_moto_modules=lambda: modules),
    ]
