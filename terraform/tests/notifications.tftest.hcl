# Whom the collector tells of incidents: nobody by default.

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
  targets                 = { uri = "https://config.example.com/targets.csv" }
  vantages                = ["eu-west-1"]
  agent_token_secret_arn  = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/agent-token-AbCdEf"
  table                   = { name = "watch", region = "eu-west-1", role_arn = "arn:aws:iam::444455556666:role/watch-store" }
}

run "nobody_by_default" {
  command = plan

  module {
    source = "./modules/collector"
  }

  assert {
    condition     = length(local.notification_secrets) == 0 && length(local.alertmanager_environment) == 0 && length(aws_vpc_security_group_egress_rule.alertmanagers) == 0
    error_message = "No secret, no variable, no way out."
  }
}

run "everybody" {
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
