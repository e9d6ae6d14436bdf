"""What Terraform made, read from its state, and what has to be true of it as a whole."""

import json
import re
from pathlib import Path

PROGRAMS = ("collector", "agent")
ZONES = {"eu-west-1a", "eu-west-1b"}


class Installed:
    def __init__(self, state: Path):
        self.resources = [
            (resource["type"], resource["name"], instance["attributes"])
            for resource in json.loads(state.read_text())["resources"]
            if resource["mode"] == "managed"
            for instance in resource["instances"]
        ]

    def of(self, kind: str) -> list[dict]:
        return [attributes for type_, _, attributes in self.resources if type_ == kind]

    def task(self, program: str) -> dict:
        return next(task for task in self.of("aws_ecs_task_definition") if task["family"] == f"watch-{program}")

    def variables(self, program: str) -> dict[str, str]:
        (container,) = json.loads(self.task(program)["container_definitions"])
        return {variable["name"]: variable["value"] for variable in container["environment"]}

    def statements(self) -> list[tuple[str, dict]]:
        """Every statement of every policy as AWS got it, with what it is of.

        But for those that are AWS's own, where none is given: of the gateway endpoints (targets may be hosted in S3, so
        nothing is refused there) and of the topic (its account alone).
        """
        found = []
        for type_, name, attributes in self.resources:
            if type_ in ("aws_vpc_endpoint", "aws_sns_topic"):
                continue
            for attribute in ("policy", "assume_role_policy"):
                if attributes.get(attribute):
                    policy = json.loads(attributes[attribute])
                    found += [(f"{type_}.{name}.{attribute}", statement) for statement in policy["Statement"]]
        return found


def check_policies(installed: Installed):
    """No action is a pattern, nothing scans, and what is allowed names what it is allowed on."""
    statements = installed.statements()
    assert len(statements) > 10, "these are not all"
    for where, statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert statement.keys().isdisjoint({"NotAction", "NotResource", "NotPrincipal"}), where
        for action in actions:
            assert re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", action), f"{where}: {action}"
            assert action != "dynamodb:Scan", where
        if statement["Effect"] == "Allow":
            assert statement.get("Principal") != "*", where
            assert statement.get("Resource") != "*" or actions == ["ecr:GetAuthorizationToken"], where


def check_agents(installed: Installed):
    """As many in every zone, with no rights and no way in."""
    services = [service for service in installed.of("aws_ecs_service") if service["name"] != "collector"]
    assert {service["name"] for service in services} == {f"agent-{zone}" for zone in ZONES}
    assert {service["desired_count"] for service in services} == {2}
    subnets = {subnet["id"]: subnet["availability_zone"] for subnet in installed.of("aws_subnet")}
    for service in services:
        (network,) = service["network_configuration"]
        assert [f"agent-{subnets[subnet]}" for subnet in network["subnets"]] == [service["name"]]
        for rule in installed.of("aws_vpc_security_group_ingress_rule"):
            assert rule["security_group_id"] not in network["security_groups"], "somebody gets in"
    assert not installed.task("agent")["task_role_arn"] and installed.task("collector")["task_role_arn"]


def check_what_is_kept(installed: Installed):
    """Encrypted, restorable, with an end."""
    (table,) = installed.of("aws_dynamodb_table")
    assert table["point_in_time_recovery"][0]["enabled"] and table["ttl"][0]["enabled"]
    for bucket in installed.of("aws_s3_bucket_server_side_encryption_configuration"):
        assert bucket["rule"][0]["apply_server_side_encryption_by_default"][0]["sse_algorithm"] == "AES256"
    retention = {group["name"]: group["retention_in_days"] for group in installed.of("aws_cloudwatch_log_group")}
    kept = {"/zonewatch/watch-agent": 90, "/zonewatch/watch-collector": 90, "/zonewatch/watch/flow": 7}
    assert retention == kept


def check_options(installed: Installed):
    """Every option of moto/main.tf that is not the default arrived where it belongs."""
    (vpc,) = installed.of("aws_vpc")
    assert vpc["cidr_block"] == "10.20.0.0/16"
    sizes = {program: (installed.task(program)["cpu"], installed.task(program)["memory"]) for program in PROGRAMS}
    assert sizes == {"collector": ("1024", "4096"), "agent": ("512", "2048")}
    collector, agent = installed.variables("collector"), installed.variables("agent")
    assert collector["ZONEWATCH_INTERVAL"] == "30s" and collector["ZONEWATCH_TIMEOUT"] == "5s"
    assert collector["ZONEWATCH_LEASE"] == "15s"
    assert agent["ZONEWATCH_CONCURRENCY"] == "500" and agent["ZONEWATCH_PER_HOST"] == "20"
    assert agent["ZONEWATCH_DENY_PRIVATE"] == "false"
    targets = installed.of("aws_appautoscaling_target")
    assert [(target["min_capacity"], target["max_capacity"]) for target in targets] == [(2, 6)] * len(ZONES)
    ports = {rule["from_port"] for rule in installed.of("aws_vpc_security_group_egress_rule")}
    assert 8443 in ports, "agents dial it"
    alarms = {alarm["alarm_name"]: alarm for alarm in installed.of("aws_cloudwatch_metric_alarm")}
    assert alarms["watch-targets-down"]["threshold"] == 3
    for alarm in alarms.values():
        assert "https://ops.example.com/runbooks.md#" in alarm["alarm_description"]
