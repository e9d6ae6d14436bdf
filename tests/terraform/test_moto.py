"""Apply, plan again, destroy: against moto, a stand-in for AWS; and the deploy role may do all that this calls.

Needs Terraform and the AWS provider (ZONEWATCH_TERRAFORM_CONFIG: a CLI configuration that finds it). With
ZONEWATCH_MOTO_BUCKETS=1 also buckets and the archive of logs, which takes minutes. The CDN is left out: moto has no
response headers policies.
"""

import os
import re
import subprocess

import pytest
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.server import ThreadedMotoServer

from installed import Installed, check_agents, check_options, check_policies, check_what_is_kept
from paths import ROOT, TERRAFORM

HERE = ROOT / "tests" / "terraform" / "moto"

# What the provider's log calls a service, and what a policy calls it.
PREFIXES = {
    "ACM": "acm",
    "Application Auto Scaling": "application-autoscaling",
    "CloudWatch": "cloudwatch",
    "CloudWatch Logs": "logs",
    "DynamoDB": "dynamodb",
    "EC2": "ec2",
    "ECS": "ecs",
    "Elastic Load Balancing v2": "elasticloadbalancing",
    "Firehose": "firehose",
    "IAM": "iam",
    "Route 53": "route53",
    "S3": "s3",
    "SNS": "sns",
}

# Where a call needs a right of another name; None: none at all, or not one that an installation needs.
RIGHTS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "route53:CreateHostedZone": None,  # The test's own; an installation gets a zone that is there.
    "route53:DeleteHostedZone": None,
    "route53:ListTagsForResource": None,
    "route53:GetDNSSEC": None,
    "iam:GetUser": None,  # Only where credentials are not validated, as here.
}


@pytest.fixture
def aws(monkeypatch):
    # What moto lacks: this call, and the conditions of a policy of a bucket (it would refuse everyone).
    monkeypatch.setattr(ApplicationAutoScalingResponse, "list_tags_for_resource", lambda self: "{}", raising=False)
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_, **__: PermissionResult.NEUTRAL)
    monkeypatch.setenv("MOTO_ACM_VALIDATION_WAIT", "0")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Terraform:
    def __init__(self, folder, endpoint):
        self.log = folder / "provider.log"
        self.state = folder / "terraform.tfstate"
        self.environment = os.environ | {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_CLI_CONFIG_FILE": os.environ["ZONEWATCH_TERRAFORM_CONFIG"],
            "TF_DATA_DIR": str(folder / "data"),
            "TF_IN_AUTOMATION": "true",
            "TF_LOG_PROVIDER": "DEBUG",
            "TF_LOG_PATH": str(self.log),
            "TF_VAR_buckets": "true" if os.environ.get("ZONEWATCH_MOTO_BUCKETS") else "false",
        }

    def __call__(self, command, *flags):
        state = [] if command == "get" else [f"-state={self.state}"]
        line = ["terraform", f"-chdir={HERE}", command, *flags, *state, "-no-color"]
        return subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=900)

    def calls(self, since=0):
        """Every call to AWS from this byte of the log on."""
        calls = set()
        for line in self.log.read_bytes()[since:].decode(errors="replace").splitlines():
            service = re.search(r'rpc\.service=(?:"([^"]+)"|(\S+))', line)
            method = re.search(r"rpc\.method=(\S+)", line)
            if "HTTP Request Sent" in line and service and method:
                calls.add((service[1] or service[2], method[1]))
        return calls


def forbidden(calls, *parts):
    """What of these calls a role with these parts of modules/ci/actions.tf may not do; all parts, if none is named."""
    text = (TERRAFORM / "modules/ci/actions.tf").read_text()
    allowed = set()
    for part, services in re.findall(r"^    (\w+) = {\n(.*?)^    }", text, re.M | re.S):
        for service, names in re.findall(r"^ +([a-z0-9-]+) += \[(.*?)\]", services, re.M | re.S):
            if not parts or part in parts:
                allowed |= {f"{service}:{name}" for name in re.findall(r'"(\w+)"', names)}
    rights = {f"{PREFIXES[service]}:{method}" for service, method in calls - {("STS", "GetCallerIdentity")}}
    return sorted({right for right in (RIGHTS.get(right, right) for right in rights) if right} - allowed)


def test_an_installation_is_applied_planned_without_drift_and_destroyed_by_the_deploy_role_s_rights(aws, tmp_path):
    terraform = Terraform(tmp_path, aws)
    assert terraform("get").returncode == 0
    applied = terraform("apply", "-auto-approve", "-parallelism=30")
    assert applied.returncode == 0, applied.stderr

    installed = Installed(terraform.state)
    for check in (check_policies, check_agents, check_what_is_kept, check_options):
        check(installed)

    before_plan = terraform.log.stat().st_size
    again = terraform("plan", "-detailed-exitcode")
    assert again.returncode in (0, 2), again.stderr
    planned = terraform.calls(since=before_plan)
    assert len(planned) > 20, "the provider's log is not what this test reads"
    assert not forbidden(planned, "read", "objects"), "the plan role of modules/ci lacks these"
    changed = set(re.findall(r"# (\S+)(?:\[[^]]*\])? (?:will be|must be)", again.stdout))
    # moto forgets some settings of a service, and the descriptions of rules that name a group: every plan sets them.
    forgetful = r"aws_ecs_service\.|module\.collector\.aws_vpc_security_group_(in|e)gress_rule\."
    drift = {name for name in changed if not re.search(forgetful, name)}
    assert not drift, again.stdout

    destroyed = terraform("destroy", "-auto-approve", "-parallelism=30")
    assert destroyed.returncode == 0, destroyed.stderr

    calls = terraform.calls()
    assert len(calls) > 60, "the provider's log is not what this test reads"
    assert not forbidden(calls), "the deploy role of modules/ci lacks these"
