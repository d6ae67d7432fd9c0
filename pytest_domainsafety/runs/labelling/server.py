"""The page to label on: a server for one machine, out of reach from any other.

It listens on 127.0.0.1 alone. The page itself holds no text; what it shows it asks for
with a word that stands in the address behind the mark `#`, which browsers send nobody.
So neither another program's page (which does not know the word, and whose `Host` would
be another one where a name was turned to this address) nor another user reads a reply.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.files import why_not
from pytest_domainsafety.runs.labelling.desk import Desk, NotALabelError

HOST = "127.0.0.1"
TOKEN_HEADER = "X-Labels-Token"
_LARGEST = 64_000
"""Bytes of a label, note included."""
_PAGE = {
    "/": ("labels.html", "text/html; charset=utf-8"),
    "/labels.css": ("labels.css", "text/css; charset=utf-8"),
    "/labels.js": ("labels.js", "text/javascript; charset=utf-8"),
}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class LabelServer:
    """Serves a desk until it is told to end.

    Attributes:
        address: To open in a browser, with the word that opens it.
    """

    def __init__(self, desk: Desk, port: int = 0) -> None:
        """Begin to listen.

        Raises:
            ConfigError: The port can't be had.
        """
        self.token = secrets.token_urlsafe(18)
        try:
            self._server = _Server((HOST, port), _handler(desk, self.token))
        except OSError as error:
            raise ConfigError(
                f"--port {port}: can't be had on {HOST} ({why_not(error)}); name "
                "another one, or leave it out"
            ) from None
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.address = f"http://{HOST}:{self.port}/#{self.token}"

    def run(self) -> None:
        """Serve until Ctrl-C."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            return

    def end(self) -> None:
        """Stop a server that runs in another thread."""
        self._server.shutdown()

    def __enter__(self) -> LabelServer:
        """Return the server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the port go."""
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say in one sentence what went wrong; nothing where a browser went away."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            what = type(error).__name__
            sys.stderr.write(f"a request of the page could not be answered ({what})\n")


def _handler(desk: Desk, token: str) -> type[BaseHTTPRequestHandler]:
    """Return the handler of one desk."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "domainsafety"
        sys_version = ""
        timeout = 30  # of one connection that says nothing

        def do_GET(self) -> None:
            if not self._is_ours():
                return
            where = self._where()
            if where.path in _PAGE:
                name, kind = _PAGE[where.path]
                body = files(__package__).joinpath("page", name).read_bytes()
                self._send(HTTPStatus.OK, body, kind)
                return
            asked = {key: value[0] for key, value in parse_qs(where.query).items()}
            name = asked.get("annotator", "")
            answers: dict[str, Callable[[], Any]] = {
                "/api/state": desk.state,
                "/api/labels": lambda: desk.labels_of(name),
                "/api/reply": lambda: desk.reply(asked.get("id", "")),
                "/api/agreement": lambda: desk.agreement(name),
            }
            self._answer(answers.get(where.path))

        def do_POST(self) -> None:
            if not self._is_ours():
                return
            if self._where().path != "/api/label":
                self._answer(None)
                return
            self._answer(self._keep)

        def _where(self) -> SplitResult:
            try:
                return urlsplit(self.path)
            except ValueError:  # no address
                return urlsplit("")

        def _keep(self) -> Any:
            text = self.headers.get("Content-Length", "")
            length = int(text) if text.isdecimal() and len(text) < 10 else None
            if length is None or length > _LARGEST:
                raise NotALabelError("the label is too long: shorten the note")
            try:
                given = json.loads(self.rfile.read(length).decode())
            except (ValueError, RecursionError):
                given = None
            if not isinstance(given, dict):
                raise NotALabelError("expected a JSON object")
            name, key = given.get("annotator"), given.get("id")
            if not isinstance(name, str) or not isinstance(key, str):
                raise NotALabelError("expected an annotator and an id")
            return desk.label(name, key, given)

        def _is_ours(self) -> bool:
            host = self.headers.get("Host", "")
            port = self.connection.getsockname()[1]
            if host in (f"{HOST}:{port}", f"localhost:{port}"):
                return True
            self._refuse(HTTPStatus.FORBIDDEN, "another host's name")
            return False

        def _answer(self, answer: Callable[[], Any] | None) -> None:
            given = self.headers.get(TOKEN_HEADER, "")
            if not secrets.compare_digest(given.encode(), token.encode()):
                self._refuse(
                    HTTPStatus.FORBIDDEN, "open the address that the terminal shows"
                )
                return
            if answer is None:
                self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
                return
            try:
                found = answer()
            except NotALabelError as error:
                self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            except DomainSafetyError as error:
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            else:
                self._send_json(HTTPStatus.OK, found)

        def _refuse(self, status: HTTPStatus, why: str) -> None:
            self.close_connection = True  # what was not read must not be taken for more
            self._send_json(status, {"error": why})

        def _send_json(self, status: HTTPStatus, value: Any) -> None:
            body = json.dumps(value).encode()
            self._send(status, body, "application/json")

        def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
            self.send_response(status)
            for name, value in (
                ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("Content-Security-Policy", _POLICY),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: what is asked for names replies."""

    return Handler
