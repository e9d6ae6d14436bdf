"""What AWS is to a task: moto for its services, the metadata endpoint, the network load balancer. All of it here."""

import itertools
import json
import os
import socket
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"
# Where ECS answers tasks: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
METADATA = "169.254.170.2"


class Services:
    """DynamoDB, S3, Secrets Manager, and all that Terraform makes, at one address."""

    def __init__(self, address: str):
        # What moto lacks: see tests/terraform/test_moto.py.
        ApplicationAutoScalingResponse.list_tags_for_resource = lambda self: "{}"
        FakeBucket.get_permission = lambda *_, **__: PermissionResult.NEUTRAL
        self.server = ThreadedMotoServer(ip_address="0.0.0.0", port=0, verbose=False)
        self.server.start()
        self.port = self.server.get_host_and_port()[1]
        self.endpoint = f"http://{address}:{self.port}"

    def client(self, service: str):
        keys = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up"}
        return boto3.client(service, region_name=REGION, endpoint_url=f"http://127.0.0.1:{self.port}", **keys)

    def terraform(self, command: str, folder: Path, **variables: object):
        environment = os.environ | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "TF_CLI_CONFIG_FILE": os.environ["ZONEWATCH_TERRAFORM_CONFIG"],
            "TF_DATA_DIR": str(folder / "data"),
            **{f"TF_VAR_{name}": json.dumps(v) if not isinstance(v, str) else v for name, v in variables.items()},
        }
        flags = (
            [] if command == "get" else ["-auto-approve", "-parallelism=30", f"-state={folder / 'terraform.tfstate'}"]
        )
        line = ["terraform", f"-chdir={ROOT / 'tests/terraform/moto'}", command, *flags, "-no-color"]
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


class Metadata:
    """The task metadata endpoint, version 4, and the credentials of task roles, at the address that they have."""

    def __init__(self):
        subprocess.run(["ip", "address", "replace", f"{METADATA}/32", "dev", "lo"], check=True)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                kind, _, rest = self.path.strip("/").partition("/")
                if kind == "credentials":
                    answer = {"AccessKeyId": "made-up", "SecretAccessKey": "made-up", "Token": "made-up"}
                    answer["Expiration"] = "2099-01-01T00:00:00Z"
                else:
                    zone, task = rest.split("/")[:2]
                    arn = f"arn:aws:ecs:{REGION}:123456789012:task/watch-agents/{task}"
                    answer = {"TaskARN": arn, "AvailabilityZone": zone}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((METADATA, 80), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        subprocess.run(["ip", "address", "delete", f"{METADATA}/32", "dev", "lo"], check=True)


class LoadBalancer:
    """The agents' door: each connection goes to the next collector that is ready."""

    def __init__(self, address: str):
        self.targets: list[str] = []
        self.turn = itertools.count()
        self.listener = socket.create_server((address, 50051))
        threading.Thread(target=self.serve, daemon=True).start()

    def healthy(self) -> list[str]:
        ready = []
        for target in self.targets:
            try:
                with urllib.request.urlopen(f"http://{target}:8080/readyz", timeout=2):
                    ready.append(target)
            except OSError:
                continue
        return ready

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client: socket.socket):
        ready = self.healthy()
        if not ready:
            return client.close()
        try:
            server = socket.create_connection((ready[next(self.turn) % len(ready)], 50051))
        except OSError:
            return client.close()
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket):
        try:
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self):
        self.listener.close()
