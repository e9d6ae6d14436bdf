"""The page against the real collector: what it shows is what the collector's own API says.

With ZONEWATCH_COLLECTOR (the program's path) it is started here, with agents of its own and sites of this test's; with
ZONEWATCH_URL a collector that already runs is looked at, whatever it watches. One of them has to be there.
"""

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import DEADLINE_MS
from playwright.sync_api import expect

UP, DOWN = 17, 4
HOSTILE = "<img src=x onerror=window.pwned=1>"


class Site(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the name is http.server's)
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


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The address of a real collector, and whether its sites are this test's."""
    if given := os.environ.get("ZONEWATCH_URL"):
        yield given.rstrip("/"), False
        return
    program = os.environ.get("ZONEWATCH_COLLECTOR")
    assert program, "set ZONEWATCH_COLLECTOR to the collector's program, or ZONEWATCH_URL to a running one"
    sites = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=sites.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("real")
    origin = f"http://127.0.0.1:{sites.server_port}"
    rows = [f"up-{i},{origin}/200/{i},News" for i in range(UP)] + [f"down-{i},{origin}/503/{i},Shops" for i in range(DOWN)]
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


def test_the_real_page_shows_what_the_real_api_says(watched, real):
    url, ours = real
    page = watched.open(url)
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    if ours:
        expect(page.locator(".tile[data-v=up] .big")).to_have_text(str(UP))
        expect(page.locator(".tile[data-v=down] .big")).to_have_text(str(DOWN))
        expect(page.locator("#newest li")).to_have_text([re.compile(f"^200.*{UP}"), re.compile(f"^503.*{DOWN}")])
        expect(page.locator("#broken tbody tr")).to_have_count(DOWN)
        expect(page.locator("#agents .state")).to_have_text(["connected"] * 3)
        expect(page.locator("#rejected-note")).to_contain_text("1 row of the target file is left out")
        page.locator("#rejected summary").click()
        expect(page.locator("#rejected-rows")).to_contain_text("ftp")
    total = read(url + "/api/v1/summary?window=1h")["targets"]["total"]
    expect(page.locator("#targets-note")).to_have_text(re.compile(f"^{total:,} target"))
    expect(page.locator("#slots .bad")).to_have_count(0)
    assert page.evaluate("window.pwned") is None


def test_every_filter_of_the_page_is_one_that_the_real_api_takes(watched, real):
    url, _ = real
    page = watched.open(url + "/?verdict=down&category=Shops&q=down&sort=-latency")
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    for verdict in ("up", "degraded", "partial", "unknown", "paused"):
        page.locator("#verdict").select_option(verdict)
        expect(page.locator("#targets-note")).to_have_text(re.compile("match"), timeout=DEADLINE_MS)
    for order in ("name", "-since", "-latency"):
        with page.expect_response(re.compile(rf"sort={order}.*limit=50")) as answer:
            page.locator("#sort").select_option(order)
        assert answer.value.status == 200
    vantage = read(url + "/api/v1/vantages")["vantages"][0]["name"]
    page.locator("#vantage").select_option(vantage)
    expect(page.locator("#now-note")).to_contain_text(f"seen from {vantage}")
    expect(page.locator("body")).to_have_attribute("data-state", "live")


def test_the_real_page_lets_nothing_in_from_elsewhere(real):
    url, _ = real
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
