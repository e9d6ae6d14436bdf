# The whole: as it is by default, with every option on, and what it refuses.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                   = "watch"
  collector_image        = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-collector:0.1.0"
  agent_image            = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-agent:0.1.0"
  agent_token_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/agent-token-AbCdEf"
  allowed_cidrs          = ["203.0.113.0/24"]
  targets_file           = "../examples/targets.csv"
}

run "by_default_three_zones_private_agents_in_each_and_a_standby" {
  assert {
    condition     = toset(keys(module.agents.service_names)) == toset(["eu-west-1a", "eu-west-1b", "eu-west-1c"]) && length(output.nat_public_ips) == 3
    error_message = "The region's first three zones, a NAT gateway in each."
  }

  assert {
    condition     = output.vantage == "eu-west-1" && strcontains(module.collector.container_definitions, "dynamodb://watch?region=eu-west-1") && contains(jsondecode(module.collector.container_definitions)[0].environment, { name = "ZONEWATCH_VANTAGES", value = "eu-west-1" })
    error_message = "The collector knows its table and its one vantage."
  }

  assert {
    condition     = contains(jsondecode(module.agents.container_definitions)[0].environment, { name = "ZONEWATCH_COLLECTOR", value = "http://${output.agents_endpoint.host}:50051" })
    error_message = "Agents go where the collector is."
  }

  assert {
    condition     = output.dashboard_url == output.api_url && length(module.cdn) == 0
    error_message = "The collector serves its dashboard."
  }
}

run "every_option_on" {
  state_key = "options"

  variables {
    api_token_secret_arn         = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/api-token-AbCdEf"
    target_secret_arns           = { SHOP_KEY = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf" }
    kms_key_arn                  = "arn:aws:kms:eu-west-1:111122223333:key/a"
    deletion_protection          = false
    cpu_architecture             = "X86_64"
    zones                        = ["eu-west-1a", "eu-west-1b"]
    nat_mode                     = "single"
    agents_have_public_addresses = true
    flow_log_days                = 7
    domain                       = { name = "watch.example.com", zone_id = "Z1", certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/mine" }
    allowed_cidrs                = ["0.0.0.0/0"]
    agents_public                = true
    agents_cidrs                 = ["198.51.100.0/24"]
    access_log_days              = 0
    cdn                          = true
    cdn_alias                    = { name = "status.example.com", certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/status" }
    targets_file                 = null
    targets_uri                  = "https://config.example.com/targets.csv"
    other_vantages               = ["us-east-1"]
    existing_table               = { name = "watch", region = "us-east-1", role_arn = "arn:aws:iam::444455556666:role/watch-store" }
    log_archive_days             = 365
    alarm_emails                 = ["on-call@example.com"]
    notifications                = { webhooks_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/webhooks-AbCdEf" }
  }

  assert {
    condition     = contains(jsondecode(module.collector.container_definitions)[0].secrets, { name = "ZONEWATCH_WEBHOOK", valueFrom = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/webhooks-AbCdEf" })
    error_message = "The collector is told whom to tell."
  }

  assert {
    condition     = length(module.storage) == 0 && length(module.targets) == 0 && strcontains(module.collector.container_definitions, "role_arn=arn:aws:iam::444455556666:role/watch-store") && output.targets_uri == "https://config.example.com/targets.csv"
    error_message = "Table and target file are elsewhere."
  }

  assert {
    condition     = length(output.nat_public_ips) == 0 && toset(keys(module.agents.service_names)) == toset(["eu-west-1a", "eu-west-1b"])
    error_message = "Agents have addresses of their own in two zones."
  }

  assert {
    condition     = output.dashboard_url == "https://status.example.com" && output.api_url == "https://watch.example.com" && output.agents_endpoint == { host = "agents.watch.example.com", port = 443, tls = true }
    error_message = "The dashboard is behind the CDN, the API and the agents' door have names."
  }

  assert {
    condition     = contains(jsondecode(module.collector.container_definitions)[0].environment, { name = "ZONEWATCH_VANTAGES", value = "eu-west-1,us-east-1" })
    error_message = "The collector knows both vantages."
  }
}

run "an_existing_network_is_used" {
  command   = plan
  state_key = "network"

  variables {
    existing_network = {
      vpc_id             = "vpc-9"
      cidr               = "10.9.0.0/16"
      public_subnet_ids  = { "eu-west-1a" = "subnet-1", "eu-west-1b" = "subnet-2" }
      private_subnet_ids = { "eu-west-1a" = "subnet-3", "eu-west-1b" = "subnet-4" }
      nat_public_ips     = ["192.0.2.1"]
    }

    table_max_request_units = 500 # What it does: store.tftest.hcl. The stand-in for AWS does not hold it.
  }

  assert {
    condition     = length(module.network) == 0 && output.vpc_id == "vpc-9" && output.nat_public_ips[0] == "192.0.2.1"
    error_message = "No VPC is made."
  }
}

run "what_a_lost_zone_would_cost_is_said" {
  command   = plan
  state_key = "warnings"

  variables {
    nat_mode       = "single"
    collector      = { standby = false }
    expected_load  = { targets = 1000000, interval_seconds = 600, timeout_seconds = 10 }
    other_vantages = ["us-east-1"]
  }

  expect_failures = [check.a_lost_zone_leaves_enough_agents, check.a_lost_zone_leaves_a_collector, check.a_lost_zone_leaves_a_way_out, check.agents_of_elsewhere_get_in]
}

run "without_nat_tasks_have_public_addresses" {
  command   = plan
  state_key = "warnings"

  variables {
    nat_mode = "none"
  }

  assert {
    condition     = local.agents_public && length(output.nat_public_ips) == 0
    error_message = "There is no other way out."
  }
}

run "an_open_door_without_tokens_or_tls_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    name          = "Zonewatch!"
    allowed_cidrs = ["0.0.0.0/0"]
    agents_public = true
    targets_uri   = "ftp://example.com/targets.csv"
    expected_load = { targets = 1, interval_seconds = 10, timeout_seconds = 20 }
    existing_network = {
      vpc_id             = "vpc-9"
      cidr               = "10.9.0.0/16"
      public_subnet_ids  = { "eu-west-1a" = "subnet-1" }
      private_subnet_ids = { "eu-west-1b" = "subnet-4" }
    }
  }

  expect_failures = [var.name, var.allowed_cidrs, var.agents_public, var.targets_uri, var.expected_load, var.existing_network]
}

run "a_cdn_without_tls_and_tokens_behind_it_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    cdn = true
  }

  expect_failures = [var.cdn]
}

run "a_door_that_nobody_could_enter_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    allowed_cidrs = []
  }

  expect_failures = [var.allowed_cidrs]
}

run "tokens_of_all_the_internet_in_plain_text_are_refused" {
  command   = plan
  state_key = "refused"

  variables {
    api_token_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/api-token-AbCdEf"
    allowed_cidrs        = ["0.0.0.0/0"]
  }

  expect_failures = [var.allowed_cidrs]
}
