"""Three vantages of two zones, each agent in a network namespace of its own, over an internet that the test can cut.

One namespace has the collector and the sites. Every agent has two links to it: one to the collector, one to the sites.
All of it is made by the test, in namespaces whose names begin with its process's number, and taken away at its end.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

SITES = 12
INTERVAL = 5
LEASE = 2
VANTAGES = ("eu", "us", "ap")
ZONES = ("a", "b")

SITE_SERVER = """
import http.server, socketserver
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
Server(("0.0.0.0", 8000), Site).serve_forever()
"""


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class World:
    def __init__(self, programs: Path):
        self.programs = programs
        self.prefix = f"zw{os.getpid()}"
        self.core = f"{self.prefix}-core"
        self.folder = tempfile.TemporaryDirectory()
        self.processes = []
        self.agents = [f"{vantage}-{zone}" for vantage in VANTAGES for zone in ZONES]

    def __enter__(self):
        try:
            self._lay_out()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        for name in [self.core, *(f"{self.prefix}-{agent}" for agent in self.agents)]:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        self.folder.cleanup()

    def _lay_out(self):
        ip("netns", "add", self.core)
        ip("-n", self.core, "link", "set", "lo", "up")
        for bridge, address in (("ctl", "10.90.0.1/24"), ("net", "10.91.0.1/24")):
            ip("-n", self.core, "link", "add", bridge, "type", "bridge")
            ip("-n", self.core, "link", "set", bridge, "up")
            ip("-n", self.core, "address", "add", address, "dev", bridge)
        for site in range(SITES):
            ip(
                "-n",
                self.core,
                "address",
                "add",
                f"10.91.0.{101 + site}/32",
                "dev",
                "net",
            )
        for number, agent in enumerate(self.agents):
            name = f"{self.prefix}-{agent}"
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            for bridge, subnet in (("ctl", 90), ("net", 91)):
                link = f"{bridge}-{agent}"
                ip(
                    "-n",
                    self.core,
                    "link",
                    "add",
                    link,
                    "type",
                    "veth",
                    "peer",
                    "name",
                    bridge,
                    "netns",
                    name,
                )
                ip("-n", self.core, "link", "set", link, "master", bridge, "up")
                ip(
                    "-n",
                    name,
                    "address",
                    "add",
                    f"10.{subnet}.0.{10 + number}/24",
                    "dev",
                    bridge,
                )
                ip("-n", name, "link", "set", bridge, "up")

    def _run(self, namespace, name, *command):
        log = open(Path(self.folder.name) / f"{name}.log", "wb")  # noqa: SIM115 — the child's for as long as it lives
        with log:
            self.processes.append(
                subprocess.Popen(["ip", "netns", "exec", namespace, *command], stdout=log, stderr=log)
            )

    def _start(self):
        rows = [f"site-{n},http://10.91.0.{101 + n}:8000/" for n in range(SITES)]
        targets = Path(self.folder.name) / "targets.csv"
        targets.write_text("name,url\n" + "\n".join(rows) + "\n")
        token = Path(self.folder.name) / "token"
        token.write_text("a-token-of-this-test\n")
        self._run(self.core, "sites", "python3", "-c", SITE_SERVER)
        # Sites that are not there yet would be down, and rightly so.
        ask = [ASK, f"http://10.91.0.{100 + SITES}:8000/"]
        for _ in range(100):
            if (
                subprocess.run(
                    ["ip", "netns", "exec", self.core, "python3", "-c", *ask], capture_output=True, check=False
                ).returncode
                == 0
            ):
                break
            time.sleep(0.1)
        self._run(
            self.core,
            "collector",
            str(self.programs / "zonewatch-collector"),
            "serve",
            str(targets),
            "--store",
            "memory:",
            "--interval",
            f"{INTERVAL}s",
            "--timeout",
            "1s",
            "--lease",
            f"{LEASE}s",
            "--vantages",
            ",".join(VANTAGES),
            "--http-listen",
            "127.0.0.1:8080",
            "--grpc-listen",
            "10.90.0.1:50051",
            "--allow-plaintext",
            "--agent-token-file",
            str(token),
        )
        for agent in self.agents:
            vantage, zone = agent.split("-")
            self._run(
                f"{self.prefix}-{agent}",
                agent,
                str(self.programs / "zonewatch-agent"),
                "run",
                "--collector",
                "http://10.90.0.1:50051",
                "--allow-plaintext",
                "--token-file",
                str(token),
                "--vantage",
                vantage,
                "--zone",
                f"{vantage}-{zone}",
                "--agent-id",
                agent,
                "--listen",
                "127.0.0.1:0",
            )

    def link(self, agent, bridge, state):
        """Cuts or heals one link of an agent: `ctl` to the collector, `net` to the sites."""
        ip("-n", self.core, "link", "set", f"{bridge}-{agent}", state)

    def get(self, path):
        command = [
            "ip",
            "netns",
            "exec",
            self.core,
            "python3",
            "-c",
            ASK,
            f"http://127.0.0.1:8080{path}",
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def fleet(self):
        """Every agent by its id: state, targets held, whether it is under suspicion."""
        agents = (self.get("/api/v1/agents") or {"agents": []})["agents"]
        return {a["id"]: (a["state"], a["targets"], a["suspect"] is not None) for a in agents}

    def verdicts(self, vantage=None):
        query = f"?vantage={vantage}&limit=1000" if vantage else "?limit=1000"
        targets = (self.get(f"/api/v1/targets{query}") or {"targets": []})["targets"]
        return [target["verdict"] for target in targets]

    def slots(self, vantage):
        return self.get(f"/api/v1/summary?window=10m&vantage={vantage}")

    def until(self, what, condition, within=45):
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s: {what}\n{self.story()}")
            time.sleep(0.2)

    def story(self):
        parts = [f"fleet: {self.fleet()}", f"verdicts: {self.verdicts()}"]
        parts += [f"{v}: {(self.slots(v) or {}).get('slots')}" for v in VANTAGES]
        for log in sorted(Path(self.folder.name).glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-25:]
            parts.append(f"--- {log.name}\n" + "\n".join(lines))
        return "\n".join(parts)


ASK = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
