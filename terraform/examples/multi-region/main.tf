# One collector, agents in three regions. Each region is a vantage: every target is probed from all three. Provider blocks
# cannot be repeated by for_each, so each further region is a provider and two short modules.

terraform {
  backend "s3" {}
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "virginia"
  region = "us-east-1"
}

provider "aws" {
  alias  = "singapore"
  region = "ap-southeast-1"
}

module "zonewatch" {
  source = "../.."

  collector_image        = var.images.collector["eu-west-1"]
  agent_image            = var.images.agent["eu-west-1"]
  agent_token_secret_arn = var.agent_token_secret_arns["eu-west-1"]
  api_token_secret_arn   = var.api_token_secret_arn
  targets_file           = var.targets_file

  domain         = var.domain
  allowed_cidrs  = ["0.0.0.0/0"] # The API asks for a token.
  agents_public  = true
  agents_cidrs   = [for ip in concat(module.virginia_network.nat_public_ips, module.singapore_network.nat_public_ips) : "${ip}/32"]
  other_vantages = ["us-east-1", "ap-southeast-1"]
}

module "virginia_network" {
  source    = "../../modules/network"
  providers = { aws = aws.virginia }

  name  = "zonewatch"
  cidr  = "10.1.0.0/16"
  zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
}

module "virginia" {
  source    = "../../modules/agents"
  providers = { aws = aws.virginia }

  name             = "zonewatch"
  vpc_id           = module.virginia_network.vpc_id
  subnet_ids       = module.virginia_network.private_subnet_ids
  collector        = module.zonewatch.agents_endpoint
  image            = var.images.agent["us-east-1"]
  token_secret_arn = var.agent_token_secret_arns["us-east-1"]
  runbook_url      = "docs/aws/runbooks.md"
}

module "singapore_network" {
  source    = "../../modules/network"
  providers = { aws = aws.singapore }

  name  = "zonewatch"
  cidr  = "10.2.0.0/16"
  zones = ["ap-southeast-1a", "ap-southeast-1b", "ap-southeast-1c"]
}

module "singapore" {
  source    = "../../modules/agents"
  providers = { aws = aws.singapore }

  name             = "zonewatch"
  vpc_id           = module.singapore_network.vpc_id
  subnet_ids       = module.singapore_network.private_subnet_ids
  collector        = module.zonewatch.agents_endpoint
  image            = var.images.agent["ap-southeast-1"]
  token_secret_arn = var.agent_token_secret_arns["ap-southeast-1"]
  runbook_url      = "docs/aws/runbooks.md"
}
