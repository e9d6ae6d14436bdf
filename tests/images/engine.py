"""Podman, as the tests use it: containers as hardened as compose.yaml has them, which end with their test."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable

# A loaded machine may take long; a wait ends as soon as what it waits for is there.
DEADLINE_SECONDS = 120
# Programs drain for at most 25 s; an engine kills at 30.
STOP_SECONDS = 30

HARDENED = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges"]


def podman(*arguments: str) -> str:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
    return done.stdout.strip()


def inspect(kind: str, name: str) -> dict:
    return json.loads(podman(kind, "inspect", name))[0]


def wait_until(what: str, there: Callable[[], object]):
    """The first truthy answer of `there`; an OSError is an answer that is still to come."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = None
        with contextlib.suppress(OSError):
            found = there()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS} s for {what}; the last answer is {found!r}"
        time.sleep(0.2)


def read(url: str, **headers: str):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.load(answer)


class Container:
    """One that runs, or did."""

    def __init__(self, image: str, *command: str, options: list[str]):
        self.name = f"zonewatch-test-{uuid.uuid4().hex[:12]}"
        podman("run", "--detach", "--name", self.name, *HARDENED, *options, image, *command)

    @property
    def state(self) -> dict:
        return inspect("container", self.name)["State"]

    def process(self) -> dict[str, str]:
        """/proc/PID/status of its first process, as the kernel sees it from outside."""
        with open(f"/proc/{self.state['Pid']}/status") as status:
            return {name: value.strip() for name, _, value in (line.partition(":") for line in status)}

    def healthy(self) -> bool:
        """What the image's own HEALTHCHECK says, now."""
        return subprocess.run(["podman", "healthcheck", "run", self.name], capture_output=True).returncode == 0

    def logs(self) -> str:
        done = subprocess.run(["podman", "logs", self.name], capture_output=True, text=True)
        return done.stdout + done.stderr

    def url(self) -> str:
        """Where its port 8080 is published."""
        return f"http://{podman('port', self.name, '8080/tcp').splitlines()[0]}"

    def stop(self) -> int:
        """SIGTERM; its exit code, 137 if it had to be killed."""
        podman("stop", "--time", str(STOP_SECONDS), self.name)
        return self.state["ExitCode"]

    def wait(self) -> int:
        """Its exit code, once it ends by itself."""
        wait_until("the container to end", lambda: not self.state["Running"])
        return self.state["ExitCode"]

    def remove(self):
        """With the volumes that have no name."""
        subprocess.run(["podman", "rm", "--force", "--time", "0", "--volumes", self.name], capture_output=True)
