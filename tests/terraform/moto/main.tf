# An installation to apply to a stand-in for AWS: all that it can hold in the time that a test has. With buckets = true also
# what is slow: the provider waits a minute for each bucket's lifecycle rules.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "made-up"
  secret_key                  = "made-up"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  max_retries                 = 2
}

variable "buckets" {
  description = "Whether to make buckets too, and the archive of logs."
  type        = bool
  default     = false
}

variable "domain" {
  description = "Whether there is a domain, and agents come from outside."
  type        = bool
  default     = true
}

variable "targets_file" {
  description = "The target file."
  type        = string
  default     = "../../../examples/targets.csv"
}

variable "allow_networks" {
  description = "Private networks that agents may probe."
  type        = list(string)
  default     = []
}

variable "agent_token_secret_arn" {
  description = "The agents' token."
  type        = string
  default     = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/agent-token-AbCdEf"
}

variable "api_token_secret_arn" {
  description = "The API's token."
  type        = string
  default     = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:watch/api-token-AbCdEf"
}

resource "aws_route53_zone" "this" {
  name = "watch.example.com"
}

module "zonewatch" {
  source = "../../../terraform"

  name                   = "watch"
  collector_image        = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-collector:0.1.0"
  agent_image            = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-agent:0.1.0"
  agent_token_secret_arn = var.agent_token_secret_arn
  api_token_secret_arn   = var.api_token_secret_arn

  zones         = ["eu-west-1a", "eu-west-1b"]
  domain        = var.domain ? { name = "watch.example.com", zone_id = aws_route53_zone.this.zone_id } : null
  allowed_cidrs = ["203.0.113.0/24"]
  agents_public = var.domain
  flow_log_days = 7
  alarm_emails  = ["on-call@example.com"]

  targets_uri      = var.buckets ? null : "https://config.example.com/targets.csv"
  targets_file     = var.targets_file
  access_log_days  = var.buckets ? 90 : 0
  log_archive_days = var.buckets ? 30 : 0

  # Not the defaults: test_moto.py looks for each in what was made of it.
  cidr               = "10.20.0.0/16"
  interval           = "30s"
  timeout            = "5s"
  collector          = { cpu = 1024, memory_mib = 4096, environment = { ZONEWATCH_LEASE = "15s" } }
  log_retention_days = 90
  alarm_thresholds   = { targets_down = 3 }
  runbook_url        = "https://ops.example.com/runbooks.md"
  expected_load      = { targets = 1000, interval_seconds = 30, timeout_seconds = 5 }

  agents = {
    cpu            = 512
    memory_mib     = 2048
    concurrency    = 500
    per_zone       = { min = 2, max = 6 }
    probe_ports    = [443, 8443]
    deny_private   = length(var.allow_networks) > 0 # Else there is nothing to make an exception from.
    allow_networks = var.allow_networks
    environment    = { ZONEWATCH_PER_HOST = "20" }
  }

  deletion_protection   = false
  wait_for_steady_state = false
}
