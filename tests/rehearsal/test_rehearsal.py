"""The tasks that Terraform defines, as containers of this machine: its images, variables, secrets, user, read-only root
and health checks, against stand-ins for AWS. Run by `scripts/images aws`.

What differs from Fargate is what the stand-ins need: an endpoint, a name for the load balancer, fewer open files.
"""

import json
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))

from engine import Container, inspect, podman, read, wait_until

from stand_ins import METADATA, REGION, LoadBalancer, Metadata, Services

ZONES = ("eu-west-1a", "eu-west-1b")
IMAGES = {"collector": "localhost/zonewatch-collector", "agent": "localhost/zonewatch-agent"}
SITES = 40


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Cloud:
    """An account with an installation in it, as far as stand-ins go."""

    def __init__(self, folder: Path):
        self.network = f"zonewatch-test-{uuid.uuid4().hex[:12]}"
        podman("network", "create", self.network)
        subnet = inspect("network", self.network)["subnets"][0]
        self.address, self.containers = subnet["gateway"], []
        # The gateway's address is there once a container is; a first one that does nothing brings it up.
        self.start("agent", ["run", "--collector", "http://127.0.0.1:1"], [])
        self.sites = ThreadingHTTPServer(("0.0.0.0", 0), Site)
        threading.Thread(target=self.sites.serve_forever, daemon=True).start()
        self.services, self.metadata = Services(self.address), Metadata()
        self.balancer = LoadBalancer(self.address)

        rows = [f"site-{i},http://{self.address}:{self.sites.server_port}/{i}" for i in range(SITES)]
        targets = folder / "targets.csv"
        targets.write_text("\n".join(["name,url", *rows]) + "\n")
        secrets = self.services.client("secretsmanager")
        made = {
            name: secrets.create_secret(Name=f"watch/{name}", SecretString=f"the-{name}-of-the-rehearsal")["ARN"]
            for name in ("agent-token", "api-token")
        }
        self.services.terraform("get", folder)
        self.services.terraform(
            "apply",
            folder,
            buckets=True,
            domain=False,
            targets_file=str(targets),
            allow_networks=[subnet["subnet"]],
            agent_token_secret_arn=made["agent-token"],
            api_token_secret_arn=made["api-token"],
        )
        balancers = self.services.client("elbv2").describe_load_balancers()["LoadBalancers"]
        self.door = next(b["DNSName"] for b in balancers if b["LoadBalancerName"] == "watch-agents")

    def task(self, program: str, zone: str) -> Container:
        """What ECS would start of the task definition in a zone."""
        definition = self.services.client("ecs").describe_task_definition(taskDefinition=f"watch-{program}")
        definition = definition["taskDefinition"]
        (container,) = definition["containerDefinitions"]
        assert definition["networkMode"] == "awsvpc" and container["image"].endswith(f"watch-{program}:0.1.0")
        secrets = self.services.client("secretsmanager")
        task = uuid.uuid4().hex
        variables = {v["name"]: v["value"] for v in container["environment"]}
        for secret in container["secrets"]:
            variables[secret["name"]] = secrets.get_secret_value(SecretId=secret["valueFrom"])["SecretString"]
        # What ECS adds.
        variables["ECS_CONTAINER_METADATA_URI_V4"] = f"http://{METADATA}/v4/{zone}/{task}"
        variables["AWS_REGION"] = REGION
        if definition.get("taskRoleArn"):
            variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/credentials"
            variables["AWS_ENDPOINT_URL"] = self.services.endpoint  # the stand-in's
        assert bool(definition.get("taskRoleArn")) == (program == "collector"), "agents have no role"
        health = container["healthCheck"]
        assert health["command"][0] == "CMD"
        options = ["--user", container["user"], "--add-host", f"{self.door}:{self.address}"]
        options += ["--health-cmd", json.dumps(health["command"][1:]), "--health-interval", "disable"]
        options += [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
        assert container["readonlyRootFilesystem"] and container["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
        started = self.start(program, [], options)
        started.task = task
        return started

    def start(self, program: str, command: list[str], options: list[str]) -> Container:
        container = Container(IMAGES[program], *command, options=["--network", self.network, *options])
        self.containers.append(container)
        return container

    def address_of(self, container: Container) -> str:
        return inspect("container", container.name)["NetworkSettings"]["Networks"][self.network]["IPAddress"]

    def close(self):
        for container in self.containers:
            container.remove()
        self.balancer.close()
        self.metadata.close()
        self.services.server.stop()
        self.sites.shutdown()
        podman("network", "rm", "--force", self.network)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("rehearsal"))
    yield cloud
    cloud.close()


def asked(address: str, path: str):
    return read(f"http://{address}:8080{path}", Authorization="Bearer the-api-token-of-the-rehearsal")


def test_the_installation_that_terraform_defines_works_and_survives_its_leader(cloud):
    collectors = [cloud.task("collector", zone) for zone in ZONES]
    addresses = [cloud.address_of(collector) for collector in collectors]
    cloud.balancer.targets = addresses
    wait_until("both collectors to be ready", lambda: cloud.balancer.healthy() == addresses)
    assert all(collector.healthy() for collector in collectors), "as ECS asks"
    assert "standing by" in "".join(collector.logs() for collector in collectors)

    agents = {zone: cloud.task("agent", zone) for zone in ZONES}

    def everything():
        return asked(addresses[0], "/latest-summary") == {"200": SITES}

    wait_until("every site to be probed", everything)
    assert asked(addresses[1], "/latest-summary") == {"200": SITES}, "the standby answers too"
    listed = {agent["id"]: agent for agent in asked(addresses[0], "/api/v1/agents")["agents"]}
    for zone, agent in agents.items():
        found = listed[agent.task]
        assert (found["vantage"], found["zone"]) == (REGION, zone), "as the metadata says"
        assert agent.healthy() and agent.process()["Uid"].split() == ["10001"] * 4
        wait_until("metrics", lambda agent=agent, zone=zone: f'"Zone":"{zone}"' in agent.logs())
    with pytest.raises(OSError, match="401"):
        read(f"http://{addresses[0]}:8080/api/v1/summary?window=1h")

    leads = next(i for i, collector in enumerate(collectors) if '"TargetsDown"' in collector.logs())
    before = asked(addresses[leads], "/api/v1/summary?window=1h")["slots"]
    podman("kill", collectors[leads].name)
    successor = 1 - leads
    wait_until("the standby to lead", lambda: '"TargetsDown"' in collectors[successor].logs())
    after = asked(addresses[successor], "/api/v1/summary?window=1h")["slots"]
    assert after["received"] >= before["received"], "what was acknowledged is in the log"
    assert after["expected"] == after["received"] + sum(after["missed"].values()) + after["open"]
    wait_until("the agents to come to it", lambda: len(connected(addresses[successor])) == len(ZONES))
    for agent in agents.values():
        assert agent.stop() == 0, "it drains"
    assert collectors[successor].stop() == 0


def connected(address: str) -> list[str]:
    agents = asked(address, "/api/v1/agents")["agents"]
    return [agent["id"] for agent in agents if agent["state"] == "connected"]
