"""The two images, run as they are meant to be: not as root, on a read-only root, without capabilities."""

import gzip
import subprocess

import pytest

from conftest import AGENT, COLLECTOR, UP, agent_options
from engine import inspect, podman, read, wait_until

MIB = 1 << 20
# There is no base under them: this is all that a machine fetches. Now about half of it; the rest is room to grow.
COMPRESSED_MAX = {AGENT: 10 * MIB, COLLECTOR: 15 * MIB}
IMAGES = {AGENT: "zonewatch-agent", COLLECTOR: "zonewatch-collector"}


def test_a_collector_and_an_agent_in_each_of_three_zones_do_the_job(fleet):
    fleet.wait_for_a_full_summary()
    for container in fleet.everything():
        process = container.process()
        assert process["Uid"].split() == ["10001"] * 4
        assert {process[mask] for mask in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
        assert process["NoNewPrivs"] == "1"
        assert container.healthy(), container.logs()
    # Agents first, as an orchestrator would at a shutdown; each drains and says so with its exit code.
    assert [container.stop() for container in fleet.everything()] == [0, 0, 0, 0]
    assert not fleet.collector.healthy(), "a health check that passes for a stopped container says nothing"


@pytest.mark.parametrize("graceful", [True, False], ids=["stopped", "killed"])
def test_what_was_found_is_in_the_volume_for_the_next_container(fleet, graceful):
    fleet.wait_for_a_full_summary()
    before = read(f"{fleet.collector.url()}/api/v1/summary?window=1h")["slots"]["received"]
    fleet.replace_collector(graceful)
    # Nothing is an hour old, so nothing leaves the window between the two readings.
    summary = wait_until("an answer", lambda: read(f"{fleet.collector.url()}/api/v1/summary?window=1h"))
    after = summary["slots"]["received"]
    assert after >= before >= UP
    fleet.wait_for_a_full_summary()


def test_with_nothing_but_a_target_file_the_collector_answers_on_its_published_port(start, targets):
    collector = start(COLLECTOR, options=["--publish", "127.0.0.1::8080", "--volume", f"{targets}:/etc/zonewatch:ro"])
    wait_until("every target pending", lambda: read(f"{collector.url()}/latest-summary").get("unknown", 0) >= UP)
    assert collector.healthy()


def test_the_demo_runs_on_a_read_only_root_with_a_tmp(start):
    collector = start(COLLECTOR, "demo", options=["--publish", "127.0.0.1::8080", "--tmpfs=/tmp"])
    wait_until("answers of the demo's sites", lambda: read(f"{collector.url()}/latest-summary").get("200", 0) >= UP)
    assert collector.stop() == 0


@pytest.mark.parametrize(
    ("variable", "said"), [("ZONEWATCH_AGENT_TOKEN=", "expected one token"), ("NOTHING=", "--agent-token-file")]
)
def test_an_open_agents_port_without_a_token_is_refused(start, targets, variable, said):
    collector = start(
        COLLECTOR,
        options=[
            *("--volume", f"{targets}:/etc/zonewatch:ro", "--env", variable),
            *("--env", "ZONEWATCH_GRPC_LISTEN=0.0.0.0:50051", "--env", "ZONEWATCH_ALLOW_PLAINTEXT=true"),
        ],
    )
    assert collector.wait() == 2
    assert said in collector.logs()


def test_an_agent_without_its_collector_waits_and_still_stops_at_once(start, network):
    agent = start(AGENT, options=agent_options(network, "a"))
    wait_until("a word about it", lambda: "collector" in agent.logs())
    wait_until("its health", agent.healthy)
    assert agent.stop() == 0


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_its_program_and_no_shell(image):
    config = inspect("image", image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == [f"/usr/local/bin/{IMAGES[image]}"]
    container = podman("create", image)
    try:
        archive = subprocess.run(["podman", "export", container], capture_output=True, check=True).stdout
    finally:
        podman("rm", "--volumes", container)
    listed = subprocess.run(["tar", "-t"], input=archive, capture_output=True, check=True).stdout.decode().split()
    files = {name for name in listed if not name.endswith("/")}
    assert f"usr/local/bin/{IMAGES[image]}" in files and "etc/ssl/certs/ca-certificates.crt" in files
    assert [name for name in files if name.rsplit("/")[-1] in ("sh", "bash", "dash", "busybox", "apt", "dpkg")] == []


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_says_what_it_is(image):
    labels = inspect("image", image)["Labels"]
    name, version = podman("run", "--rm", image, "--version").split()
    assert labels["org.opencontainers.image.title"] == name == IMAGES[image]
    assert labels["org.opencontainers.image.version"] == version
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_small(image):
    archive = subprocess.run(["podman", "save", image], capture_output=True, check=True).stdout
    compressed = len(gzip.compress(archive, 6))
    print(f"{image}: {compressed / MIB:.1f} MiB compressed, {len(archive) / MIB:.1f} MiB unpacked")
    assert compressed <= COMPRESSED_MAX[image]
