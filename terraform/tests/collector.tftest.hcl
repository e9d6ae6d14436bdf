# The collector: what it is told, what it may do, who reaches it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                    = "watch"
  vpc_id                  = "vpc-1"
  subnet_ids              = ["subnet-1", "subnet-2"]
  security_group_ids      = { api = "sg-api", agents = "sg-agents" }
  api_target_group_arn    = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/api/1"
  agents_target_group_arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/agents/1"
  image                   = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-collector:0.1.0"
  targets                 = { uri = "s3://watch-targets/targets.csv", arn = "arn:aws:s3:::watch-targets/targets.csv" }
  vantages                = ["eu-west-1", "us-east-1"]
  agent_token_secret_arn  = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/agent-token-AbCdEf"
  table = {
    name      = "watch"
    region    = "eu-west-1"
    statement = { Sid = "Store", Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = "arn:aws:dynamodb:eu-west-1:111122223333:table/watch" }
  }
}

run "one_leads_and_one_stands_by_and_a_deployment_that_fails_is_undone" {
  module {
    source = "./modules/collector"
  }

  assert {
    condition     = aws_ecs_service.this.desired_count == 2 && aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.deployment_minimum_healthy_percent == 100 && aws_ecs_service.this.deployment_maximum_percent == 200
    error_message = "Two tasks, and the new one is ready before an old one goes."
  }

  assert {
    condition     = toset([for balancer in aws_ecs_service.this.load_balancer : balancer.container_port]) == toset([8080, 50051]) && !aws_ecs_service.this.network_configuration[0].assign_public_ip
    error_message = "It is behind both load balancers, and has no public address."
  }

  assert {
    condition = { for variable in jsondecode(output.container_definitions)[0].environment : variable.name => variable.value } == {
      ZONEWATCH_ALLOW_PLAINTEXT = "true"
      ZONEWATCH_DEPLOYMENT      = "watch"
      ZONEWATCH_EMF             = "true"
      ZONEWATCH_GRPC_LISTEN     = "0.0.0.0:50051"
      ZONEWATCH_HTTP_LISTEN     = "0.0.0.0:8080"
      ZONEWATCH_INTERVAL        = "10m"
      ZONEWATCH_LOG_FORMAT      = "json"
      ZONEWATCH_STORE           = "dynamodb://watch?region=eu-west-1"
      ZONEWATCH_TARGETS         = "s3://watch-targets/targets.csv"
      ZONEWATCH_TIMEOUT         = "10s"
      ZONEWATCH_VANTAGES        = "eu-west-1,us-east-1"
    }
    error_message = "It is told all that it needs, and nothing secret."
  }

  assert {
    condition     = [for secret in jsondecode(output.container_definitions)[0].secrets : secret.name] == ["ZONEWATCH_AGENT_TOKEN"]
    error_message = "The agents' token is a secret; there is no API token unless asked for."
  }

  assert {
    condition     = [for statement in jsondecode(output.task_role_policy).Statement : "${statement.Sid} ${join(",", statement.Action)}"] == ["Store dynamodb:GetItem", "Targets s3:GetObject"]
    error_message = "It uses its table and reads its target file, and may do nothing else."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.this : "${rule.from_port} ${rule.referenced_security_group_id}"]) == toset(["8080 sg-api", "8080 sg-agents", "50051 sg-agents", "8080 ${aws_security_group.this.id}"]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.this : rule.cidr_ipv4 == null])
    error_message = "The load balancers and its standby reach it, by security group, and nobody else."
  }
}

run "a_collector_alone_with_a_table_elsewhere_tokens_and_a_key" {
  state_key = "other"

  module {
    source = "./modules/collector"
  }

  variables {
    standby              = false
    assign_public_ip     = true
    targets              = { uri = "https://config.example.com/targets.csv" }
    table                = { name = "watch", region = "us-east-1", role_arn = "arn:aws:iam::444455556666:role/watch-store" }
    api_token_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/api-token-AbCdEf"
    target_secret_arns   = { SHOP_KEY = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf" }
    kms_key_arn          = "arn:aws:kms:eu-west-1:111122223333:key/a"
    environment          = { ZONEWATCH_LEASE = "30s" }

    cpu                   = 1024
    memory_mib            = 4096
    cpu_architecture      = "X86_64"
    interval              = "30s"
    timeout               = "2500ms"
    log_retention_days    = 90
    wait_for_steady_state = false
  }

  assert {
    condition     = alltrue([for name, value in { ZONEWATCH_INTERVAL = "30s", ZONEWATCH_TIMEOUT = "2500ms" } : contains(jsondecode(output.container_definitions)[0].environment, { name = name, value = value })]) && !aws_ecs_service.this.wait_for_steady_state
    error_message = "It probes as often as it is told; nobody waits for it."
  }

  assert {
    condition     = aws_ecs_service.this.desired_count == 1 && aws_ecs_service.this.network_configuration[0].assign_public_ip
    error_message = "One task, with a public address."
  }

  assert {
    condition     = contains(jsondecode(output.container_definitions)[0].environment, { name = "ZONEWATCH_STORE", value = "dynamodb://watch?region=us-east-1&role_arn=arn:aws:iam::444455556666:role/watch-store" }) && contains(jsondecode(output.container_definitions)[0].environment, { name = "ZONEWATCH_LEASE", value = "30s" })
    error_message = "It takes the other account's role, and the option that it was given."
  }

  assert {
    condition     = [for secret in jsondecode(output.container_definitions)[0].secrets : secret.name] == ["SHOP_KEY", "ZONEWATCH_AGENT_TOKEN", "ZONEWATCH_API_TOKEN"]
    error_message = "Three secrets."
  }

  assert {
    condition     = [for statement in jsondecode(output.task_role_policy).Statement : statement.Sid] == ["StoreOfAnotherAccount", "DecryptTableAndTargets"] && jsondecode(output.task_role_policy).Statement[0].Resource == "arn:aws:iam::444455556666:role/watch-store"
    error_message = "It may take that one role, and use the key through DynamoDB and S3."
  }
}

run "what_cannot_be_meant_is_refused" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    targets            = { uri = "/etc/zonewatch/targets.csv" }
    table              = { name = "watch", region = "eu-west-1" } # whose is it?
    vantages           = ["a,b"]
    interval           = "often"
    timeout            = "soon"
    target_secret_arns = { ZONEWATCH_API_TOKEN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a" }
  }

  expect_failures = [var.targets, var.table, var.vantages, var.interval, var.timeout, var.target_secret_arns]
}

run "the_other_ends_are_refused_too" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    vantages           = []
    target_secret_arns = { "SHOP-KEY" = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a" }
    table = { # two owners
      name      = "watch"
      region    = "eu-west-1"
      role_arn  = "arn:aws:iam::444455556666:role/watch-store"
      statement = { Sid = "Store" }
    }
  }

  expect_failures = [var.vantages, var.target_secret_arns, var.table]
}

run "a_vantage_that_is_named_twice_is_refused" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    vantages = ["eu-west-1", "eu-west-1"]
  }

  expect_failures = [var.vantages]
}

run "an_object_that_it_may_not_read_is_refused" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    targets = { uri = "s3://watch-targets/targets.csv" }
  }

  expect_failures = [var.targets]
}

# Whom it tells of incidents.

run "nobody_is_told_by_default" {
  command = plan

  module {
    source = "./modules/collector"
  }

  assert {
    condition     = length(local.notification_secrets) == 0 && length(local.alertmanager_environment) == 0 && length(aws_vpc_security_group_egress_rule.alertmanagers) == 0
    error_message = "No secret, no variable, no way out."
  }
}

run "everybody_is_told" {
  module {
    source = "./modules/collector"
  }

  variables {
    notifications = {
      webhooks_secret_arn        = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/webhooks-AbCdEf"
      webhook_signing_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/signing-AbCdEf"
      heartbeat_secret_arn       = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/heartbeat-AbCdEf"
      alertmanagers = {
        urls = ["http://a.internal:9093", "http://b.internal:9093", "https://alerts.example.com", "http://c.internal"]
        cidr = "10.0.0.0/16"
      }
    }
  }

  assert {
    condition     = { for secret in jsondecode(output.container_definitions)[0].secrets : secret.name => split("/", secret.valueFrom)[1] } == { ZONEWATCH_AGENT_TOKEN = "agent-token-AbCdEf", ZONEWATCH_HEARTBEAT = "heartbeat-AbCdEf", ZONEWATCH_WEBHOOK = "webhooks-AbCdEf", ZONEWATCH_WEBHOOK_SECRET = "signing-AbCdEf" }
    error_message = "Addresses and what signs are secrets."
  }

  assert {
    condition     = contains(jsondecode(output.container_definitions)[0].environment, { name = "ZONEWATCH_ALERTMANAGER", value = "http://a.internal:9093,http://b.internal:9093,http://c.internal,https://alerts.example.com" })
    error_message = "Every Alertmanager of a cluster is told."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.alertmanagers : "${rule.cidr_ipv4} ${rule.from_port} ${rule.to_port}"]) == toset(["10.0.0.0/16 9093 9093", "10.0.0.0/16 80 80"])
    error_message = "The way to them is open, in their network alone."
  }
}

run "a_signature_of_nothing_is_refused" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    notifications = { webhook_signing_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/signing-AbCdEf" }
  }

  expect_failures = [var.notifications]
}

run "an_alertmanager_with_a_password_in_its_url_is_refused" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    notifications = { alertmanagers = { urls = ["http://me:secret@a.internal:9093"], cidr = "10.0.0.0/16" } }
  }

  expect_failures = [var.notifications]
}

run "an_alertmanager_in_no_network_is_refused" {
  command = plan

  module {
    source = "./modules/collector"
  }

  variables {
    notifications = { alertmanagers = { urls = ["http://a.internal:9093"], cidr = "10.0.0.0" } }
  }

  expect_failures = [var.notifications]
}
