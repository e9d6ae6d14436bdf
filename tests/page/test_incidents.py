"""Incidents reach a real Alertmanager and a webhook that is slow, dead, answers 500 and comes back."""

import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from real import free_port

PATIENCE = 60
SECRET = "a secret of thirty-two characters"


def until(what: str, condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def read(url: str):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class Server:
    """Answers as `behave` says, with a status or "hang"; keeps what was posted and how it was answered."""

    def __init__(self):
        self.behave: int | str = 200
        self.requests: list[dict] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answered = owner.behave
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.requests.append({"headers": headers, "body": body, "answered": answered})
                if answered == "hang":
                    time.sleep(3)
                    answered = 503
                self.send_response(int(answered))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                self.send_response(int(owner.behave))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self) -> list[dict]:
        """What it answered 200, and what it was."""
        found = []
        for request in self.requests:
            told = json.loads(request["body"])
            # On a machine that is busy the monitor may say that it sees too little: true, and not what is tried here.
            if request["answered"] == 200 and told["data"].get("incident", {}).get("kind") == "failing":
                found.append(told)
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def world(tmp_path):
    running: dict[str, subprocess.Popen] = {}
    servers: list[Server] = []

    class World:
        folder = tmp_path

        def server(self) -> Server:
            servers.append(Server())
            return servers[-1]

        def start(self, name: str, command: list) -> subprocess.Popen:
            log = (tmp_path / f"{name}.log").open("a")
            words = [str(part) for part in command]
            environment = os.environ | {"ZONEWATCH_WEBHOOK_SECRET": SECRET}
            running[name] = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=environment)
            return running[name]

        def kill(self, name: str):
            running[name].send_signal(signal.SIGKILL)
            running[name].wait(timeout=20)

    yield World()
    for process in running.values():
        process.kill()
        process.wait(timeout=20)
    for server in servers:
        server.close()


def dead_port() -> tuple[socket.socket, int]:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken, taken.getsockname()[1]


def test_incidents_arrive_once_and_true_whatever_becomes_of_their_receivers_and_of_the_collector(world):
    site, sink, heart = world.server(), world.server(), world.server()
    away, away_port = dead_port()
    http, grpc, alertmanager = free_port(), free_port(), free_port()
    (world.folder / "am.yml").write_text(
        json.dumps({"route": {"receiver": "nobody", "group_by": ["..."]}, "receivers": [{"name": "nobody"}]})
    )
    alerts_command = [os.environ["ZONEWATCH_ALERTMANAGER_PROGRAM"], f"--config.file={world.folder / 'am.yml'}"]
    alerts_command += [f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address="]
    alerts_command += [f"--storage.path={world.folder / 'am'}"]
    rows = [f"shop-{n},{site.url}/{n},Shop,live" for n in range(12)]
    (world.folder / "targets.csv").write_text("\n".join(["name,url,category,team", *rows]) + "\n")
    collector = Path(os.environ["ZONEWATCH_COLLECTOR"])
    serve = [collector, "serve", world.folder / "targets.csv", "--store", world.folder / "store"]
    serve += ["--interval", "1s", "--local-agents", "2", "--http-listen", f"127.0.0.1:{http}"]
    serve += ["--grpc-listen", f"127.0.0.1:{grpc}", "--alertmanager", f"http://127.0.0.1:{alertmanager}"]
    serve += ["--webhook", f"{sink.url}/hook", "--webhook", f"slack+http://127.0.0.1:{away_port}/secret"]
    serve += ["--heartbeat", f"{heart.url}/beat"]

    def incidents(state: str = "open") -> list[dict]:
        return read(f"http://127.0.0.1:{http}/api/v1/incidents?kind=failing&state={state}")["incidents"]

    def alerts() -> list[dict]:
        every = read(f"http://127.0.0.1:{alertmanager}/api/v2/alerts")
        return [alert for alert in every if alert["labels"]["alertname"] == "ZonewatchFailing"]

    world.start("alertmanager", alerts_command)
    until("Alertmanager listens", lambda: alerts() == [])
    world.start("collector", serve)
    summary = f"http://127.0.0.1:{http}/api/v1/summary?window=5m"
    until("all is up", lambda: read(summary)["targets"]["up"] == 12)
    until("a sign of life", lambda: heart.requests)
    assert incidents() == [] and alerts() == []

    # All of a machine fails while the webhook answers 500, and then hangs.
    sink.behave, site.behave = 500, 503
    until("all in one incident", lambda: [each["members"]["now"] for each in incidents()] == [12])
    # On a busy machine it begins with whoever was confirmed first: what it has in common shows once others joined.
    (incident,) = incidents()
    assert (incident["kind"], incident["cause"]) == ("failing", {"kind": "address", "value": "127.0.0.1"})
    until("it is tried again", lambda: len(sink.requests) >= 2)
    sink.behave = "hang"
    tried = len(sink.requests)
    until("it is tried while it hangs", lambda: len(sink.requests) > tried)
    (alert,) = until("an alert", alerts)
    labels = alert["labels"]
    assert (labels["alertname"], labels["severity"]) == ("ZonewatchFailing", "critical")
    assert (labels["category"], labels["team"], labels["incident"]) == ("Shop", "live", incident["id"])
    assert alert["status"]["state"] == "active"

    # Probing does not wait for any of it.
    slots = read(summary)["slots"]
    assert slots["received"] >= 0.8 * (slots["expected"] - slots["open"]), slots

    # The collector is killed before the message arrived.
    world.kill("collector")
    sink.behave = 200
    world.start("collector", serve)
    opened = until("the message", sink.taken)[0]
    assert opened["data"]["change"] == "opened"
    assert opened["data"]["incident"]["id"] == incident["id"]
    keys = {
        r["headers"]["idempotency-key"]
        for r in sink.requests
        if b'"change":"opened"' in r["body"] and b'"kind":"failing"' in r["body"]
    }
    assert keys == {opened["key"]}, "the same message always has the same key"
    for request in sink.requests:
        signed = f"{request['headers']['x-zonewatch-timestamp']}.".encode() + request["body"]
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert request["headers"]["x-zonewatch-signature"] == f"sha256={digest}"

    site.behave = 200
    until("it is over", lambda: any(told["data"]["change"] == "closed" for told in sink.taken()))
    until("Alertmanager knows", lambda: not alerts())
    (closed,) = incidents("closed")
    assert (closed["id"], incidents()) == (incident["id"], [])
    changes = [told["data"]["change"] for told in sink.taken()]
    assert changes.count("opened") == 1 and changes.count("closed") == 1, changes
    ids = {told["data"]["incident"]["id"] for told in sink.taken()}
    assert ids == {incident["id"]}, "nothing was opened twice"

    # Nothing secret is in the log, and nobody waited for the receiver that was never there.
    log = (world.folder / "collector.log").read_text()
    assert "/secret" not in log and "/hook" not in log and "/beat" not in log and SECRET not in log
    away.close()


def test_whoever_never_answers_costs_nobody_else_anything(world):
    site = world.server()
    taken, port = dead_port()
    taken.listen(1)  # It takes connections and says nothing.
    http, grpc = free_port(), free_port()
    (world.folder / "targets.csv").write_text(f"name,url\nshop,{site.url}/\n")
    serve = [Path(os.environ["ZONEWATCH_COLLECTOR"]), "serve", world.folder / "targets.csv", "--store", "memory:"]
    serve += ["--interval", "1s", "--local-agents", "1", "--http-listen", f"127.0.0.1:{http}"]
    serve += ["--grpc-listen", f"127.0.0.1:{grpc}", "--webhook", f"http://127.0.0.1:{port}/"]
    serve += ["--alertmanager", f"http://127.0.0.1:{port}/", "--heartbeat", f"http://127.0.0.1:{port}/"]
    process = world.start("collector", serve)
    url = f"http://127.0.0.1:{http}/api/v1/"
    until("it is up", lambda: read(url + "summary")["targets"]["up"] == 1)
    site.behave = 500
    until("an incident", lambda: read(url + "incidents?kind=failing")["incidents"])
    before = read(url + "summary")["slots"]["received"]
    until("probing goes on", lambda: read(url + "summary")["slots"]["received"] > before + 3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=25) == 0
    assert time.monotonic() - began < 10, "it waited for a receiver"
    taken.close()
