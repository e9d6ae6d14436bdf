# The least that is of use: two zones, no NAT, no domain, one collector. Some 75 dollars a month, for your network's eyes.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "zonewatch", ManagedBy = "terraform" }
  }
}

module "zonewatch" {
  source = "../.."

  collector_image        = var.collector_image
  agent_image            = var.agent_image
  agent_token_secret_arn = var.agent_token_secret_arn

  zones         = var.zones
  nat_mode      = "none"
  allowed_cidrs = var.allowed_cidrs
  targets_file  = var.targets_file
  access_logs   = false

  collector = { cpu = 256, memory_mib = 512, standby = false }
  agents    = { per_zone = { min = 1, max = 1 } }

  deletion_protection   = false
  wait_for_steady_state = var.wait_for_steady_state
}
