# The least that is of use: two zones, no NAT, no domain, one collector. Some 95 dollars a month, for your network's eyes.
# State is in the bucket that bootstrap made: terraform init -backend-config=backend.hcl

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

  zones           = var.zones
  nat_mode        = "none"
  allowed_cidrs   = var.allowed_cidrs
  targets_file    = var.targets_file
  access_log_days = 0

  collector = { cpu = 256, memory_mib = 512, standby = false }
  agents    = { per_zone = { min = 1, max = 1 } }

  deletion_protection   = false
  wait_for_steady_state = var.wait_for_steady_state
}
