# Agents: as many in every zone, no way in, no rights.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name             = "watch"
  vpc_id           = "vpc-1"
  subnet_ids       = { "eu-west-1a" = "subnet-a", "eu-west-1b" = "subnet-b", "eu-west-1c" = "subnet-c" }
  collector        = { host = "agents.watch.example.com", port = 8443, tls = true }
  token_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/agent-token-AbCdEf"
  image            = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-agent:0.1.0"
  runbook_url      = "https://ops.example.com/runbooks.md"
}

run "every_zone_has_a_service_with_as_many_agents_in_its_own_subnet" {
  module {
    source = "./modules/agents"
  }

  assert {
    condition     = toset(keys(aws_ecs_service.zone)) == toset(keys(var.subnet_ids)) && length(distinct([for service in aws_ecs_service.zone : service.desired_count])) == 1
    error_message = "A service a zone, and the same number in each."
  }

  assert {
    condition     = alltrue([for zone, subnet in var.subnet_ids : toset(aws_ecs_service.zone[zone].network_configuration[0].subnets) == toset([subnet]) && !aws_ecs_service.zone[zone].network_configuration[0].assign_public_ip])
    error_message = "An agent cannot start anywhere but in its zone, and has no public address."
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.zone : service.deployment_circuit_breaker[0].enable && service.deployment_circuit_breaker[0].rollback && service.deployment_minimum_healthy_percent == 100 && !coalesce(service.enable_execute_command, false)])
    error_message = "A deployment that fails is undone, none takes an agent away before its successor is there, and nobody logs in."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.this : rule.from_port]) == toset([80, 443, 8443]) && alltrue([for rule in aws_vpc_security_group_egress_rule.this : rule.from_port == rule.to_port && rule.description != ""])
    error_message = "Out: the ports of targets and of the collector, one by one."
  }

  assert {
    condition     = length(aws_security_group.this.ingress) == 0
    error_message = "Nobody gets in."
  }

  assert {
    condition     = alltrue([for zone, policy in aws_appautoscaling_policy.utilization : policy.target_tracking_scaling_policy_configuration[0].target_value == 60 && { for dimension in policy.target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].dimensions : dimension.name => dimension.value } == { Deployment = "watch", Vantage = "eu-west-1", Zone = zone }])
    error_message = "A zone is scaled on what its own agents report."
  }

  assert {
    condition     = length(aws_appautoscaling_policy.cpu) == 3 && length(aws_appautoscaling_policy.late) == 3 && alltrue([for alarm in aws_cloudwatch_metric_alarm.late : alarm.metric_name == "StartLatenessSeconds" && length(alarm.alarm_actions) == 1])
    error_message = "A zone is also scaled on CPU and on lateness."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.silent : alarm.treat_missing_data == "breaching" && strcontains(alarm.alarm_description, "https://ops.example.com/runbooks.md#")])
    error_message = "A zone that says nothing is an alarm, with a link to what to do."
  }

  assert {
    condition     = output.least_at_once == 2000 && output.vantage == "eu-west-1"
    error_message = "Without a zone there are two agents of a thousand; the vantage is the region."
  }

  assert {
    condition = { for variable in jsondecode(output.container_definitions)[0].environment : variable.name => variable.value } == {
      ZONEWATCH_COLLECTOR    = "https://agents.watch.example.com:8443"
      ZONEWATCH_CONCURRENCY  = "1000"
      ZONEWATCH_DENY_PRIVATE = "true"
      ZONEWATCH_DEPLOYMENT   = "watch"
      ZONEWATCH_EMF          = "true"
      ZONEWATCH_LOG_FORMAT   = "json"
    }
    error_message = "Vantage, zone and id come from the task's metadata; private addresses are refused."
  }

  assert {
    condition     = jsondecode(output.container_definitions)[0].secrets == [{ name = "ZONEWATCH_TOKEN", valueFrom = var.token_secret_arn }]
    error_message = "The token is a secret, not a variable."
  }
}

run "agents_take_public_addresses_a_name_for_their_place_and_exceptions_and_do_not_scale" {
  state_key = "other"

  module {
    source = "./modules/agents"
  }

  variables {
    vantage          = "spoke"
    assign_public_ip = true
    collector        = { host = "collector.internal", port = 50051, tls = false }
    per_zone         = { min = 2, max = 2 }
    deny_private     = false
    allow_networks   = ["10.1.0.0/16", "10.2.0.0/16"]
    environment      = { ZONEWATCH_PER_HOST = "20" }
    alarm_actions    = ["arn:aws:sns:eu-west-1:111122223333:alarms"]
    probe_ports      = [8080]

    cpu                   = 512
    memory_mib            = 2048
    cpu_architecture      = "X86_64"
    concurrency           = 3000
    log_retention_days    = 90
    kms_key_arn           = "arn:aws:kms:eu-west-1:111122223333:key/a"
    wait_for_steady_state = false
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.zone : service.network_configuration[0].assign_public_ip && service.desired_count == 2])
    error_message = "Public addresses, two a zone."
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.zone : !service.wait_for_steady_state]) && output.least_at_once == 12000
    error_message = "Nobody waits; two zones of two agents of 3000 are left when one is lost."
  }

  assert {
    condition     = alltrue([for target in aws_appautoscaling_target.zone : target.min_capacity == 2 && target.max_capacity == 2]) && length(aws_appautoscaling_policy.utilization) == 0 && length(aws_cloudwatch_metric_alarm.late) == 0 && length(aws_cloudwatch_metric_alarm.silent) == 3
    error_message = "Between two and two nothing scales; silence is an alarm all the same."
  }

  assert {
    condition     = alltrue([for name, value in { ZONEWATCH_VANTAGE = "spoke", ZONEWATCH_ALLOW_NETWORK = "10.1.0.0/16,10.2.0.0/16", ZONEWATCH_DENY_PRIVATE = "false", ZONEWATCH_PER_HOST = "20", ZONEWATCH_CONCURRENCY = "3000", ZONEWATCH_COLLECTOR = "http://collector.internal:50051", ZONEWATCH_ALLOW_PLAINTEXT = "true" } : contains(jsondecode(output.container_definitions)[0].environment, { name = name, value = value })])
    error_message = "The agents are told all of it."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.this : rule.from_port]) == toset([443, 8080, 50051]) && alltrue([for alarm in aws_cloudwatch_metric_alarm.silent : alarm.alarm_actions == toset(var.alarm_actions)])
    error_message = "Targets and collector; 443 is there for AWS itself; alarms go where they should."
  }
}

run "what_cannot_be_meant_is_refused" {
  command = plan

  module {
    source = "./modules/agents"
  }

  variables {
    subnet_ids       = { "eu-west-1a" = "subnet-a" }                                   # one zone
    collector        = { host = "https://agents.example.com", port = 443, tls = true } # a URL
    token_secret_arn = "hunter2"                                                       # a secret, where its ARN should be
    per_zone         = { min = 3, max = 2 }
    concurrency      = 100000
    probe_ports      = [0]
    allow_networks   = ["10.1.2.3"]
  }

  expect_failures = [var.subnet_ids, var.collector, var.token_secret_arn, var.per_zone, var.concurrency, var.probe_ports, var.allow_networks]
}

run "the_other_ends_are_refused_too" {
  command = plan

  module {
    source = "./modules/agents"
  }

  variables {
    subnet_ids  = { "euw1-az1" = "subnet-a", "euw1-az2" = "subnet-b" } # ids of zones, which mean another zone in each account
    collector   = { host = "agents.example.com", port = 0, tls = true }
    per_zone    = { min = 0, max = 2 }
    concurrency = 9
    probe_ports = [65536]
  }

  expect_failures = [var.subnet_ids, var.collector, var.per_zone, var.concurrency, var.probe_ports]
}

run "more_ports_than_a_security_group_has_rules_for_are_refused" {
  command = plan

  module {
    source = "./modules/agents"
  }

  variables {
    collector   = { host = "agents.example.com", port = 65536, tls = true }
    probe_ports = range(8000, 8051)
  }

  expect_failures = [var.collector, var.probe_ports]
}
