"""A real Prometheus over a real collector: there at every instant between two probes, gone when the agents are."""

import json
import os
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from real import free_port

INTERVAL = 12
PATIENCE = 60


@pytest.fixture
def processes():
    running = []
    yield running
    for process in running:
        process.kill()
        process.wait(timeout=20)


def query(port: int, expression: str, start: float | None = None, end: float | None = None):
    """Values by instant: of a range at every second, or now."""
    asked = {"query": expression}
    route = "query"
    if start is not None:
        asked |= {"start": start, "end": end, "step": 1}
        route = "query_range"
    url = f"http://127.0.0.1:{port}/api/v1/{route}?" + urllib.parse.urlencode(asked)
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


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


def test_a_success_is_there_at_every_instant_and_gone_two_intervals_after_the_agents_died(tmp_path, processes):
    collector = Path(os.environ["ZONEWATCH_COLLECTOR"])
    http, grpc, prometheus = free_port(), free_port(), free_port()
    # The collector's own /livez is a site like any other.
    (tmp_path / "targets.csv").write_text(f"name,url\nlive,http://127.0.0.1:{http}/livez\n")
    serve = [collector, "serve", tmp_path / "targets.csv", "--store", "memory:", "--interval", f"{INTERVAL}s"]
    serve += ["--http-listen", f"127.0.0.1:{http}", "--grpc-listen", f"127.0.0.1:{grpc}"]
    agent = [collector.with_name("zonewatch-agent"), "run", "--collector", f"http://127.0.0.1:{grpc}"]
    agent += ["--listen", f"127.0.0.1:{free_port()}"]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "zonewatch-probes",
                "metrics_path": "/metrics/probes",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{http}"]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML.
    # The look-back is shorter than the interval, as five minutes are than ten.
    watch = [Path(os.environ["ZONEWATCH_PROMTOOL"]).with_name("prometheus"), "--storage.tsdb.path", tmp_path / "tsdb"]
    watch += [f"--config.file={tmp_path / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{prometheus}"]
    watch += ["--query.lookback-delta=3s"]
    for command in (serve, agent, watch):
        log = (tmp_path / f"log-{len(processes)}").open("w")
        processes.append(subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT))

    success = 'probe_success{target="live"}'
    until("a first success", lambda: query(prometheus, success))
    began = time.time()
    until("the next interval", lambda: time.time() > began + INTERVAL + 3)
    (series,) = query(prometheus, success, began, began + INTERVAL + 2)
    assert [value for _, value in series["values"]] == ["1"] * (INTERVAL + 3), "a gap between two probes"
    assert series["metric"]["instance"].endswith("/livez"), series["metric"]

    processes[1].send_signal(signal.SIGKILL)
    died = time.time()
    until("the success is gone", lambda: not query(prometheus, success))
    assert time.time() - died <= 2 * INTERVAL + 5, "it lasted longer than two intervals"
