"""A network, sites and a fleet for the tests of the images. Everything that is started here ends here."""

import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine import Container, inspect, podman, read, wait_until

AGENT = "localhost/zonewatch-agent"
COLLECTOR = "localhost/zonewatch-collector"
TOKEN = "a-token-of-the-tests"
ZONES = ("a", "b", "c")
# Enough that each of three agents gets some, whatever the hashes.
UP, DOWN = 57, 3


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.strip("/").split("/")[0]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def network():
    name = f"zonewatch-test-{uuid.uuid4().hex[:12]}"
    podman("network", "create", name)
    yield name
    podman("network", "rm", "--force", name)


@pytest.fixture(scope="session")
def targets(network, tmp_path_factory):
    """A folder with a target file; its sites are on the host, where the network's gateway leads."""
    gateway = inspect("network", network)["subnets"][0]["gateway"]
    sites = ThreadingHTTPServer(("0.0.0.0", 0), Site)
    threading.Thread(target=sites.serve_forever, daemon=True).start()
    origin = f"http://{gateway}:{sites.server_port}"
    rows = [f"up-{i},{origin}/200/{i}" for i in range(UP)] + [f"down-{i},{origin}/503/{i}" for i in range(DOWN)]
    folder = tmp_path_factory.mktemp("targets")
    (folder / "targets.csv").write_text("\n".join(["name,url", *rows]) + "\n")
    folder.chmod(0o755)
    yield folder
    sites.shutdown()
    sites.server_close()


@pytest.fixture
def start():
    """Starts containers that are removed after the test."""
    started = []

    def run(image: str, *command: str, options: list[str]) -> Container:
        started.append(Container(image, *command, options=options))
        return started[-1]

    yield run
    for container in reversed(started):
        container.remove()


def collector_options(network: str, targets, volume: str) -> list[str]:
    return [
        *("--network", network, "--network-alias", "collector"),
        *("--publish", "127.0.0.1::8080"),
        *("--volume", f"{targets}:/etc/zonewatch:ro", "--volume", f"{volume}:/data"),
        *("--env", "ZONEWATCH_GRPC_LISTEN=0.0.0.0:50051", "--env", "ZONEWATCH_ALLOW_PLAINTEXT=true"),
        *("--env", f"ZONEWATCH_AGENT_TOKEN={TOKEN}"),
        *("--env", "ZONEWATCH_INTERVAL=10s", "--env", "ZONEWATCH_TIMEOUT=5s"),
        *("--env", "ZONEWATCH_VANTAGES=local"),
    ]


def agent_options(network: str, zone: str) -> list[str]:
    return [
        *("--network", network),
        *("--env", "ZONEWATCH_COLLECTOR=http://collector:50051", "--env", f"ZONEWATCH_TOKEN={TOKEN}"),
        *("--env", "ZONEWATCH_ALLOW_PLAINTEXT=true"),
        *("--env", "ZONEWATCH_VANTAGE=local", "--env", f"ZONEWATCH_ZONE={zone}"),
    ]


class Fleet:
    """A collector and an agent in each of three zones, from the images."""

    def __init__(self, start, network: str, targets, volume: str):
        self.start = start
        self.options = collector_options(network, targets, volume)
        self.collector = start(COLLECTOR, options=self.options)
        self.agents = [start(AGENT, options=agent_options(network, zone)) for zone in ZONES]

    def everything(self) -> list[Container]:
        return [*self.agents, self.collector]

    def replace_collector(self, graceful: bool):
        """Another container over the same volume, after SIGTERM or SIGKILL to this one."""
        if graceful:
            assert self.collector.stop() == 0
        else:
            podman("kill", self.collector.name)
        self.collector.remove()
        self.collector = self.start(COLLECTOR, options=self.options)

    def connected_zones(self) -> list[str]:
        agents = read(f"{self.collector.url()}/api/v1/agents")["agents"]
        return sorted(agent["zone"] for agent in agents if agent["state"] == "connected" and agent["targets"] > 0)

    def wait_for_a_full_summary(self):
        full = {"200": UP, "503": DOWN}
        wait_until("an agent in each zone", lambda: self.connected_zones() == list(ZONES))
        wait_until("a full summary", lambda: read(f"{self.collector.url()}/latest-summary") == full)


@pytest.fixture
def volume():
    name = podman("volume", "create")
    yield name
    podman("volume", "rm", "--force", name)


@pytest.fixture
def fleet(volume, start, network, targets):
    return Fleet(start, network, targets, volume)
