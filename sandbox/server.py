"""Moto's server on a port of the loopback interface."""

import functools
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

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

from sandbox.overrides import Override, replace
from sandbox.wsgi import Application, Environ, StartResponse, reply

HOST = "127.0.0.1"
MOTO_PATHS = ("/moto-api", "/favicon.ico", "/latest/meta-data/", "/latest/api/")
POLL_SECONDS = 0.05  # the interval at which it checks for its shutdown


class RequestHandler(MotoRequestHandler):
    """Sends the head and the body of a response in one piece, as far as they fit.

    The AWS SDK for Go, which Terraform's provider uses, closes its connection where the head of a
    response arrives before its request is completely sent, and repeats a request whose response has
    no body yet. With AWS, the network's latency hides this.
    https://github.com/aws/smithy-go/blob/main/transport/http/internal/io/safe.go
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536

    def handle_expect_100(self) -> bool:
        """Send it immediately, since the client waits. Werkzeug would send it a second time."""
        proceeds = super().handle_expect_100()
        self.wfile.flush()
        del self.headers["Expect"]
        return proceeds


class Server:
    """Listens when it is created, and responds while it is `running`."""

    def __init__(self, around: Callable[[Application], Application]) -> None:
        """`around` adds the sandbox's layers to moto's application."""
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
    """Refuse requests that no AWS client sends.

    A web page can change its domain's address to 127.0.0.1; its requests have the domain as their
    host. Moto's own paths return and change everything without a signature.
    """

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = get_input_stream(environ)  # ends with the body
        host, expected = environ.get("HTTP_HOST"), f"{HOST}:{environ['SERVER_PORT']}"
        if host != expected or not environ["RAW_URI"].startswith("/"):
            status, reason = (
                HTTPStatus.MISDIRECTED_REQUEST,
                f"Host: got {host}, expected {expected}",
            )
        elif environ["PATH_INFO"].startswith(MOTO_PATHS):
            status, reason = HTTPStatus.NOT_FOUND, f"{environ['PATH_INFO']}: AWS has no such path"
        else:
            return application(environ, start_response)
        headers = {"Content-Type": "application/json"}
        return reply(environ, start_response, status, json.dumps({"error": reason}), headers)

    return answer


def overrides() -> list[Override]:
    """Without CORS headers, web pages cannot read responses.

    The others save time: for each call, moto reads its own folder and inspects its own class.
    """
    names = functools.cache(vars(responses)["method_names_from_class"])
    modules = list(backends.list_of_moto_modules())
    return [
        *replace(werkzeug_app, DISABLE_GLOBAL_CORS=True),
        *replace(responses, method_names_from_class=names),
        *replace(backends, list_of_moto_modules=lambda: modules),
    ]
