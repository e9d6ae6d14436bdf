"""A stand-in for the collector: the real page, served as the collector serves it, over answers that a test may change.

It speaks the public API as documented, and nothing else: an unknown route or parameter is an error, so the page cannot
come to depend on something that does not exist.
"""

import contextlib
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

ASSETS = Path(__file__).parents[2] / "collector" / "assets"
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
ALLOWED = {
    "/api/v1/summary": {"window", "vantage", "zone", "category"},
    "/api/v1/targets": {"verdict", "category", "vantage", "q", "sort", "limit", "cursor"},
    "/api/v1/agents": set(),
    "/api/v1/vantages": set(),
    "/api/v1/rejected-rows": set(),
    "/latest-summary": {"vantage"},
    "/past-hour-summary": {"vantage"},
}
SORTS = {"name", "-since", "-latency"}
VERDICTS = {"up", "degraded", "partial", "down", "unknown", "paused"}


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Collector:
    """Holds the answers; a test changes `world`, `reachable` and `token`, and reads `problems`."""

    def __init__(self, world: dict):
        self.world = world
        self.reachable = True
        self.token: str | None = None
        # Requests that the real API would refuse: a test that ends with any of them has found a fault of the page.
        self.problems: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with contextlib.suppress(ConnectionError):  # The page gave this request up for a newer one.
                    collector.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler):
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        if parts.path in PAGE:
            name, kind = PAGE[parts.path]
            return self.send(request, 200, kind, (ASSETS / name).read_bytes())
        if not self.reachable:
            return request.connection.close()
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.problem(request, 401, "a bearer token is needed")
        if parts.path not in ALLOWED:
            return self.refuse(request, 404, f"no such route: {parts.path}")
        if extra := set(query) - ALLOWED[parts.path]:
            return self.refuse(request, 400, f"unknown parameters {sorted(extra)} of {parts.path}")
        vantages = {v["name"] for v in self.world["vantages"]}
        if query.get("vantage", next(iter(vantages), "")) not in vantages | {""}:
            return self.problem(request, 400, f"vantage: one of {', '.join(sorted(vantages))}")
        body = {
            "/api/v1/summary": lambda: self.world["summary"] | {"as_of": rfc3339(datetime.now(UTC))},
            "/api/v1/targets": lambda: self.targets(request, query),
            "/api/v1/agents": lambda: {"agents": self.world["agents"]},
            "/api/v1/vantages": lambda: {"vantages": self.world["vantages"]},
            "/api/v1/rejected-rows": lambda: self.world["rejected"],
            "/latest-summary": lambda: self.world["latest"],
            "/past-hour-summary": lambda: [],
        }[parts.path]()
        if body is not None:
            self.send(request, 200, "application/json", json.dumps(body).encode())

    def targets(self, request, query: dict) -> dict | None:
        limit, start = int(query.get("limit", 100)), int(query.get("cursor", 0))
        sort = query.get("sort", "name")
        if not 1 <= limit <= 1000 or sort not in SORTS or query.get("verdict", "up") not in VERDICTS:
            return self.refuse(request, 400, f"bad parameters {query}")
        found = [
            t
            for t in self.world["targets"]
            if query.get("verdict") in (None, t["verdict"])
            and query.get("category") in (None, t["category"])
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

    def refuse(self, request, status: int, detail: str):
        self.problems.append(detail)
        self.problem(request, status, detail)

    def problem(self, request, status: int, detail: str):
        body = json.dumps({"type": "about:blank", "title": "refused", "status": status, "detail": detail})
        self.send(request, status, "application/problem+json", body.encode())

    def send(self, request, status: int, kind: str, body: bytes):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header(
            "Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        request.send_header("X-Content-Type-Options", "nosniff")
        request.end_headers()
        request.wfile.write(body)


HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>\'"&amp;'


def a_target(i: int, now: datetime, **changes) -> dict:
    return {
        "name": f"www.site-{i:04d}.example",
        "url": f"https://www.site-{i:04d}.example/",
        "category": ["Travel", "News", "Shopping"][i % 3],
        "labels": {"team": "web", "tier": str(i % 4)},
        "interval": "10m",
        "paused": False,
        "verdict": "up",
        "since": rfc3339(now - timedelta(minutes=3 * i + 1)),
        "status": 200,
        "error": None,
        "latency_ms": 40 + (i * 37) % 900,
        "last_planned": rfc3339(now - timedelta(seconds=20 + i % 500)),
    } | changes


def an_agent(name: str, vantage: str, zone: str, now: datetime, **changes) -> dict:
    return {
        "id": name,
        "vantage": vantage,
        "zone": zone,
        "state": "connected",
        "targets": 440,
        "version": "0.1.0",
        "capacity": 512,
        "in_flight": 7,
        "waiting": 0,
        "outbox_bytes": 18_432,
        "lateness_ms": 3,
        "connected_since": rfc3339(now - timedelta(hours=5)),
        "watermark": rfc3339(now - timedelta(seconds=2)),
    } | changes


def a_busy_world(now: datetime) -> dict:
    """An hour of 1,321 sites from two vantages, with every kind of trouble the page has a word for."""
    start = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    codes = {"200": 609, "301": 297, "403": 129, "500": 79, "302": 66, "408": 47, "406": 37, "404": 22, "405": 10}
    rounds = [
        {
            "start": rfc3339(start - timedelta(minutes=10 * i)),
            "expected": 1321 if i else 417,
            "received": {0: 409, 2: 1303}.get(i, 1318),
            "missed": {0: {}, 2: {"agent_lost": 15, "overloaded": 3}}.get(i, {"agent_lost": 3}),
            "open": 0 if i else 8,
            "status_codes": codes if i else {"200": 200, "301": 120, "403": 40, "500": 40},
            "failures": {0: {"timeout": 9}, 2: {"timeout": 5, "dns": 2}}.get(i, {"timeout": 12, "dns": 7, "tls": 3}),
        }
        for i in range(6)
    ]
    targets = [a_target(i, now) for i in range(130)]
    for i in range(0, 36, 2):
        targets[i] |= {"verdict": "down", "status": [403, 500, 408, 503][i % 4]}
    targets[4] |= {"status": None, "error": "timeout", "latency_ms": None}
    targets[7] |= {"verdict": "partial", "status": 503}
    targets[9] |= {"verdict": "degraded", "latency_ms": 4210}
    targets[11] |= {"verdict": "unknown", "status": None, "latency_ms": None, "since": None}
    targets[13] |= {"paused": True, "verdict": "paused", "status": None, "latency_ms": None, "since": None}
    targets[0] |= {
        "name": HOSTILE,
        "url": "https://evil.example/?q=" + HOSTILE,
        "category": HOSTILE,
        "labels": {HOSTILE: HOSTILE, "long": "x" * 200},
        "since": rfc3339(now - timedelta(seconds=5)),
        "status": None,
        "error": "tls",
    }
    return {
        "summary": {
            "window": {"from": rfc3339(now - timedelta(hours=1)), "to": rfc3339(now)},
            "targets": {
                "total": 1321,
                "up": 971,
                "degraded": 4,
                "partial": 2,
                "down": 338,
                "unknown": 5,
                "paused": 1,
            },
            "slots": {"expected": 7926, "received": 7888, "missed": {"agent_lost": 27, "overloaded": 3}, "open": 8},
            "status_codes": {k: v * 6 for k, v in codes.items()} | {"303": 12, "429": 18, "202": 6},
            "unexpected": {"status": 2028, "body": 3},
            "failures": {"timeout": 69, "dns": 30, "tls": 12, "connect": 7},
            "latency_ms": {"p50": 84, "p90": 412, "p95": 830, "p99": 3120, "max": 9874},
            "uptime": {"low": 0.7142, "high": 0.7179, "coverage": 0.99621},
            "rounds": rounds,
        },
        "latest": {"200": 609, "503": 8, "301": 297, "403": 129, "500": 79, "408": 47, "timeout": 12, "unknown": 5},
        "agents": [
            an_agent("a-1", "eu-west-1", "eu-west-1a", now),
            an_agent("a-2", "eu-west-1", "eu-west-1b", now, in_flight=12, lateness_ms=18),
            an_agent("a-3", "eu-west-1", "eu-west-1c", now, state="draining", targets=0),
            an_agent("b-1", "us-east-1", "us-east-1a", now),
            an_agent("b-2-" + HOSTILE, "us-east-1", "us-east-1b", now, state="lost", watermark=None),
        ],
        "vantages": [
            {"name": "eu-west-1", "state": "active", "agents": 3, "targets": 1321, "last_seen": rfc3339(now)},
            {"name": "us-east-1", "state": "active", "agents": 2, "targets": 1321, "last_seen": rfc3339(now)},
        ],
        "rejected": {
            "total": 3,
            "rows": [
                {"line": 17, "name": HOSTILE, "reason": "url: `ftp://x` is not http or https " + HOSTILE},
                {"line": 90, "name": "www.twice.example", "reason": "name: seen before, in line 12"},
                {"line": 91, "name": "", "reason": "timeout: 30s is longer than the interval 10s"},
            ],
        },
        "targets": targets,
    }


def an_empty_world(now: datetime) -> dict:
    """Just started: 1,321 targets are loaded, and nothing has come back yet."""
    busy = a_busy_world(now)
    return busy | {
        "summary": {
            "window": busy["summary"]["window"],
            "targets": {
                "total": 1321,
                "up": 0,
                "degraded": 0,
                "partial": 0,
                "down": 0,
                "unknown": 1321,
                "paused": 0,
            },
            "slots": {"expected": 1321, "received": 0, "missed": {}, "open": 1321},
            "status_codes": {},
            "unexpected": {"status": 0, "body": 0},
            "failures": {},
            "latency_ms": {"p50": None, "p90": None, "p95": None, "p99": None, "max": None},
            "uptime": None,
            "rounds": [],
        },
        "latest": {"unknown": 1321},
        "agents": busy["agents"][:1],
        "rejected": {"total": 0, "rows": []},
        "targets": [
            a_target(i, now, verdict="unknown", since=None, status=None, latency_ms=None, last_planned=None)
            for i in range(60)
        ],
    }
