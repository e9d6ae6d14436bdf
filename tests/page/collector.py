"""A stand-in for the collector: the real page, served as the collector serves it, over answers that a test may change.

It speaks the public API as documented, and nothing else: an unknown route or parameter is an error, so the page cannot
come to depend on something that does not exist.
"""

import contextlib
import json
import queue
import socket
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from world import VERDICTS, a_detail, rfc3339

ASSETS = Path(__file__).parents[2] / "collector" / "assets"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
TARGET = "/api/v1/targets/"
ALLOWED = {
    "/api/v1/summary": {"window", "vantage", "zone", "category"},
    "/api/v1/targets": {"verdict", "category", "vantage", "q", "sort", "limit", "cursor"},
    "/api/v1/changes": {"from", "to", "target", "limit", "cursor"},
    "/api/v1/events": set(),
    "/api/v1/incidents": {"state", "id", "kind", "target", "limit", "members", "cursor"},
    "/api/v1/agents": set(),
    "/api/v1/vantages": set(),
    "/api/v1/rejected-rows": set(),
    "/readyz": set(),
}
# No question for this long: none is on its way.
MOMENT, CALM = 0.002, 4
SORTS = {"name", "-since", "-latency"}


class Collector:
    """Holds the answers; a test changes `world` and the switches below it, and reads `problems` and `asked`."""

    def __init__(self, world: dict):
        self.world = world
        self.reachable = True
        self.token: str | None = None
        self.absent: set[str] = set()  # Routes that this collector does not have.
        self.unwell: str | None = None
        self.prefix = ""  # The path that a proxy serves it under.
        self.cors: str | None = None  # The origin that may read it from elsewhere.
        # Requests that the real API would refuse: a test that ends with any of them has found a fault of the page.
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.answering = 0
        self.lock = threading.Lock()
        self.listeners: list[queue.Queue] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with contextlib.suppress(ConnectionError):  # The page gave this request up for a newer one.
                    # A stream of events is never answered to its end.
                    if self.path.endswith("/events"):
                        return collector.answer(self)
                    with collector.counted():
                        collector.answer(self)

            def do_OPTIONS(self):
                collector.send(self, 204, "text/plain", b"")

            do_POST = do_GET  # noqa: N815 (the name that the library looks for)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return self.origin + self.prefix

    def close(self):
        self.hang_up()
        self.server.shutdown()
        self.server.server_close()

    def emit(self, event: str, data: dict | None = None):
        """Tells every listener of an event."""
        for listener in list(self.listeners):
            listener.put(f"id: 1\nevent: {event}\ndata: {json.dumps(data or {})}\n\n")

    def hang_up(self):
        for listener in list(self.listeners):
            listener.put(None)

    @contextlib.contextmanager
    def counted(self):
        with self.lock:
            self.answering += 1
        try:
            yield
        finally:
            with self.lock:
                self.answering -= 1

    def quiet(self, seconds: float = 5):
        """Waits until every question that has come is answered, and none has come for a moment."""
        deadline, calm, known = time.monotonic() + seconds, 0, -1
        while calm < CALM and time.monotonic() < deadline:
            time.sleep(MOMENT)
            calm = calm + 1 if self.answering == 0 and len(self.asked) == known else 0
            known = len(self.asked)

    def answer(self, request: BaseHTTPRequestHandler):
        parts = urlsplit(request.path)
        if not parts.path.startswith(self.prefix + "/"):
            return self.refuse(request, 404, f"outside of the prefix: {parts.path}")
        path = parts.path[len(self.prefix) :]
        query = dict(parse_qsl(parts.query))
        asset = ASSETS / (path.strip("/") or "index.html")
        if asset.suffix in KINDS and asset.is_file():
            return self.send(request, 200, f"{KINDS[asset.suffix]}; charset=utf-8", asset.read_bytes())
        self.asked.append(request.path)
        if not self.reachable:
            request.close_connection = True
            return request.connection.shutdown(socket.SHUT_RDWR)
        if path == "/readyz":
            body, status = (self.unwell or "ready").encode(), 503 if self.unwell else 200
            return self.send(request, status, "text/plain", body)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.problem(request, 401, "a bearer token is needed")
        if path in self.absent or any(path.endswith(route) for route in self.absent if route[0] != "/"):
            return self.problem(request, 404, "no such route; see docs/api.md for those there are")
        if path.startswith(TARGET):
            return self.one_target(request, path[len(TARGET) :], query)
        if path not in ALLOWED:
            return self.refuse(request, 404, f"no such route: {path}")
        extra = {name for name in set(query) - ALLOWED[path] if not name.startswith("label.")}
        if extra:
            return self.refuse(request, 400, f"unknown parameters {sorted(extra)} of {path}")
        vantages = {v["name"] for v in self.world["vantages"]}
        if query.get("vantage", next(iter(vantages), "")) not in vantages | {""}:
            return self.problem(request, 400, f"vantage: one of {', '.join(sorted(vantages))}")
        if path == "/api/v1/events":
            return self.events(request)
        body = {
            "/api/v1/summary": lambda: self.world["summary"] | {"as_of": rfc3339(datetime.now(UTC))},
            "/api/v1/targets": lambda: self.targets(request, query),
            "/api/v1/changes": lambda: self.changes(query),
            "/api/v1/agents": lambda: {"agents": self.world["agents"]},
            "/api/v1/incidents": lambda: self.incidents(request, query),
            "/api/v1/vantages": lambda: {"vantages": self.world["vantages"]},
            "/api/v1/rejected-rows": lambda: self.world["rejected"],
        }[path]()
        if body is not None:
            self.send_json(request, body)

    def targets(self, request, query: dict) -> dict | None:
        limit, start = int(query.get("limit", 100)), int(query.get("cursor", 0))
        sort = query.get("sort", "name")
        if not 1 <= limit <= 1000 or sort not in SORTS or query.get("verdict", "up") not in VERDICTS:
            return self.refuse(request, 400, f"bad parameters {query}")
        labels = {name.removeprefix("label."): value for name, value in query.items() if name.startswith("label.")}
        found = [
            t
            for t in self.world["targets"]
            if query.get("verdict") in (None, t["verdict"])
            and query.get("category") in (None, t["category"])
            and all(t["labels"].get(name) == value for name, value in labels.items())
            and all(w in (t["name"] + " " + t["url"]).lower() for w in query.get("q", "").lower().split())
        ]
        key = {"name": "name", "-since": "since", "-latency": "latency_ms"}[sort]
        found.sort(key=lambda t: (t[key] is not None, t[key]), reverse=sort != "name")
        after = start + limit
        return {
            "targets": found[start:after],
            "total": len(found),
            "next_cursor": str(after) if after < len(found) else None,
        }

    def changes(self, query: dict) -> dict:
        found = [c for c in self.world["changes"] if query.get("target") in (None, c["name"])]
        return {"changes": found[: int(query.get("limit", 100))], "complete_from": None, "next_cursor": None}

    def incidents(self, request, query: dict) -> dict | None:
        limit, members = int(query.get("limit", 100)), int(query.get("members", 20))
        if not 1 <= limit <= 1000 or not 0 <= members <= 1000 or query.get("state") not in {None, "open", "closed"}:
            return self.refuse(request, 400, f"bad parameters {query}")
        name = query.get("target")
        if name is not None and all(t["name"] != name for t in self.world["targets"]):
            return self.problem(request, 404, "`target`: no such target")
        found = [
            incident
            for incident in self.world["incidents"]
            if query.get("state") in (None, incident["state"])
            and query.get("id") in (None, incident["id"])
            and (name is None or any(t["name"] == name for t in incident["targets"]))
        ]
        return {
            "as_of": rfc3339(datetime.now(UTC)),
            "open": sum(incident["state"] == "open" for incident in self.world["incidents"]),
            "incidents": [i | {"targets": i["targets"][:members]} for i in found[:limit]],
            "next_cursor": "1" if len(found) > limit else None,
        }

    def one_target(self, request, rest: str, query: dict):
        name, *action = (unquote(part) for part in rest.split("/"))
        target = next((t for t in self.world["targets"] if t["name"] == name), None)
        if target is None:
            return self.problem(request, 404, f"no target is called `{name}`")
        if not action and request.command == "GET":
            return self.send_json(request, self.world["details"].get(name) or a_detail(target, datetime.now(UTC)))
        if action == ["probe"] and request.command == "POST":
            return self.send_json(request, self.world["probed"])
        if action == ["history"]:
            return self.send_json(request, self.world["history"])
        return self.refuse(request, 404, f"no such route: {request.command} {request.path}")

    def events(self, request):
        listener: queue.Queue = queue.Queue()
        self.listeners.append(listener)
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        self.cross_origin(request)
        request.end_headers()
        request.close_connection = True
        try:
            request.wfile.write(b": here\n\n")
            while (text := listener.get()) is not None:
                request.wfile.write(text.encode())
        finally:
            self.listeners.remove(listener)

    def refuse(self, request, status: int, detail: str):
        self.problems.append(detail)
        self.problem(request, status, detail)

    def problem(self, request, status: int, detail: str):
        body = json.dumps({"type": "about:blank", "title": "refused", "status": status, "detail": detail})
        self.send(request, status, "application/problem+json", body.encode())

    def send_json(self, request, body: dict):
        self.send(request, 200, "application/json", json.dumps(body).encode())

    def cross_origin(self, request):
        if self.cors:
            request.send_header("Access-Control-Allow-Origin", self.cors)
            request.send_header("Access-Control-Allow-Headers", "authorization")

    def send(self, request, status: int, kind: str, body: bytes):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Content-Security-Policy", CSP)
        request.send_header("X-Content-Type-Options", "nosniff")
        self.cross_origin(request)
        request.end_headers()
        request.wfile.write(body)
