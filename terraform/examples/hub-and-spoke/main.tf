# The hub's account has the collector, in a VPC that is there already; a spoke's account has agents, in a VPC of its own
# team; a third one has the table. Agents dial out to the hub: nothing of a spoke is opened, peered or shared.

terraform {
  backend "s3" {}
}

provider "aws" {
  alias  = "hub"
  region = var.region
}

provider "aws" {
  alias  = "spoke"
  region = var.region

  assume_role {
    role_arn = var.spoke.deploy_role_arn
  }
}

provider "aws" {
  alias  = "data"
  region = var.region

  assume_role {
    role_arn = var.data_deploy_role_arn
  }
}

module "table" {
  source    = "../../modules/storage"
  providers = { aws = aws.data }

  name              = "zonewatch"
  trusted_role_arns = [module.zonewatch.collector_role_arn]
}

module "zonewatch" {
  source    = "../.."
  providers = { aws = aws.hub }

  collector_image        = var.images.collector
  agent_image            = var.images.agent
  agent_token_secret_arn = var.hub.agent_token_secret_arn
  api_token_secret_arn   = var.hub.api_token_secret_arn
  targets_file           = var.targets_file

  existing_network = var.hub.network
  domain           = var.hub.domain
  allowed_cidrs    = var.hub.allowed_cidrs
  agents_public    = true
  agents_cidrs     = var.spoke.source_cidrs
  other_vantages   = [var.spoke.vantage]

  existing_table = {
    name     = module.table.table_name
    region   = var.region
    role_arn = module.table.role_arn
  }
}

module "spoke" {
  source    = "../../modules/agents"
  providers = { aws = aws.spoke }

  name             = "zonewatch-${var.spoke.vantage}"
  vantage          = var.spoke.vantage
  vpc_id           = var.spoke.vpc_id
  subnet_ids       = var.spoke.subnet_ids
  collector        = module.zonewatch.agents_endpoint
  image            = var.images.agent
  token_secret_arn = var.spoke.token_secret_arn
  runbook_url      = "docs/aws/runbooks.md"

  # What a spoke is for: targets that only its own network reaches.
  deny_private   = true
  allow_networks = var.spoke.private_networks
}
