"""A real collector with agents of its own, over sites of the tests' own."""

import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

UP, DOWN = 17, 4
HOSTILE = "<img src=x onerror=window.pwned=1>"


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.strip("/").split("/")[0]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read(url: str):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """The address of a real collector, and whether it watches the sites of these tests."""
    if given := os.environ.get("ZONEWATCH_URL"):
        yield given.rstrip("/"), False
        return
    program = os.environ.get("ZONEWATCH_COLLECTOR")
    assert program, "set ZONEWATCH_COLLECTOR to the collector's program, or ZONEWATCH_URL to a running one"
    sites = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=sites.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("real")
    origin = f"http://127.0.0.1:{sites.server_port}"
    rows = [f"up-{i},{origin}/200/{i},News" for i in range(UP)] + [
        f"down-{i},{origin}/503/{i},Shops" for i in range(DOWN)
    ]
    targets = folder / "targets.csv"
    targets.write_text("\n".join(["name,url,category", *rows, f"{HOSTILE},ftp://nowhere/,News"]) + "\n")
    http = free_port()
    command = [program, "serve", str(targets), "--http-listen", f"127.0.0.1:{http}"]
    command += ["--grpc-listen", f"127.0.0.1:{free_port()}", "--store", str(folder / "store"), "--local-agents", "3"]
    command += ["--interval", "10s", "--timeout", "5s"]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{http}"
        deadline = time.monotonic() + 60
        while True:
            try:
                read(url + "/api/v1/summary?window=1h")
                break
            except OSError:
                log = (folder / "log").read_text()
                assert running.poll() is None, f"the collector ended with {running.returncode}:\n{log}"
                assert time.monotonic() < deadline, f"the collector does not answer:\n{log}"
                time.sleep(0.2)
        yield url, True
    finally:
        running.terminate()
        running.wait(timeout=60)
        sites.shutdown()
        sites.server_close()
    assert running.returncode == 0, "a collector that is asked to stop drains and exits with 0"
