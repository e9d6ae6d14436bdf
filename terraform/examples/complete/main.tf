# For production in one region: three zones with a NAT gateway each, a domain with TLS, tokens, a standby, agents that
# scale, alarms, archived logs. State is in the bucket that bootstrap made: terraform init -backend-config=backend.hcl

terraform {
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "zonewatch", ManagedBy = "terraform" }
  }
}

module "zonewatch" {
  source = "../.."

  name                   = var.name
  collector_image        = var.collector_image
  agent_image            = var.agent_image
  cpu_architecture       = var.cpu_architecture
  agent_token_secret_arn = var.agent_token_secret_arn
  api_token_secret_arn   = var.api_token_secret_arn
  target_secret_arns     = var.target_secret_arns

  domain        = var.domain
  allowed_cidrs = ["0.0.0.0/0"] # The API asks for a token.
  flow_log_days = 14
  cdn           = var.cdn

  targets_file  = var.targets_file
  expected_load = var.expected_load

  collector               = { cpu = 1024, memory_mib = 2048 }
  agents                  = { cpu = 512, memory_mib = 1024, concurrency = 2000, per_zone = { min = 2, max = 8 } }
  table_max_request_units = 2000

  log_archive_days = 365
  alarm_emails     = var.alarm_emails
  runbook_url      = var.runbook_url
}
