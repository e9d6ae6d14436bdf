# One installation: a collector with what faces outwards, its store, and the agents of this region. Agents elsewhere are
# modules/agents once more: see examples/multi-region and examples/hub-and-spoke.

locals {
  zones = (
    var.existing_network != null ? keys(var.existing_network.public_subnet_ids) :
    var.zones != null ? var.zones :
    slice(sort(data.aws_availability_zones.available[0].names), 0, 3)
  )

  network = var.existing_network != null ? var.existing_network : {
    vpc_id             = module.network[0].vpc_id
    cidr               = module.network[0].cidr
    public_subnet_ids  = module.network[0].public_subnet_ids
    private_subnet_ids = module.network[0].private_subnet_ids
    nat_public_ips     = module.network[0].nat_public_ips
  }

  # Without NAT there is no way out of the private subnets: tasks then have addresses of their own.
  no_nat        = var.existing_network == null && var.nat_mode == "none"
  agents_public = local.no_nat || var.agents_have_public_addresses
}

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  count = var.zones == null && var.existing_network == null ? 1 : 0

  state = "available"

  filter {
    name   = "opt-in-status" # no local zones
    values = ["opt-in-not-required"]
  }
}

module "network" {
  source = "./modules/network"
  count  = var.existing_network == null ? 1 : 0

  name          = var.name
  cidr          = var.cidr
  zones         = local.zones
  nat_mode      = var.nat_mode
  flow_log_days = var.flow_log_days
  kms_key_arn   = var.kms_key_arn
}

module "storage" {
  source = "./modules/storage"
  count  = var.existing_table == null ? 1 : 0

  name                = var.name
  max_request_units   = var.table_max_request_units
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.deletion_protection
}

module "targets" {
  source = "./modules/targets"
  count  = var.targets_uri == null ? 1 : 0

  name                = var.name
  file                = var.targets_file
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.deletion_protection
}

module "edge" {
  source = "./modules/edge"

  name                = var.name
  vpc_id              = local.network.vpc_id
  vpc_cidr            = local.network.cidr
  public_subnet_ids   = values(local.network.public_subnet_ids)
  private_subnet_ids  = values(local.network.private_subnet_ids)
  domain              = var.domain
  allowed_cidrs       = var.allowed_cidrs
  allow_cloudfront    = var.cdn
  agents_public       = var.agents_public
  agents_cidrs        = var.agents_cidrs
  agents_nat_ips      = local.network.nat_public_ips
  access_log_days     = var.access_log_days
  deletion_protection = var.deletion_protection
}

module "collector" {
  source = "./modules/collector"

  name                    = var.name
  vpc_id                  = local.network.vpc_id
  subnet_ids              = values(local.no_nat ? local.network.public_subnet_ids : local.network.private_subnet_ids)
  assign_public_ip        = local.no_nat
  security_group_ids      = module.edge.security_group_ids
  api_target_group_arn    = module.edge.api_target_group_arn
  agents_target_group_arn = module.edge.agents_target_group_arn

  image            = var.collector_image
  cpu              = var.collector.cpu
  memory_mib       = var.collector.memory_mib
  cpu_architecture = var.cpu_architecture
  standby          = var.collector.standby
  environment      = var.collector.environment

  table    = local.table
  targets  = local.targets
  vantages = distinct(concat([module.agents.vantage], var.other_vantages))
  interval = var.interval
  timeout  = var.timeout

  agent_token_secret_arn = var.agent_token_secret_arn
  api_token_secret_arn   = var.api_token_secret_arn
  target_secret_arns     = var.target_secret_arns
  notifications          = var.notifications

  wait_for_steady_state = var.wait_for_steady_state
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
}

locals {
  table = var.existing_table != null ? {
    name = var.existing_table.name, region = var.existing_table.region, role_arn = var.existing_table.role_arn, statement = null
    } : {
    name = module.storage[0].table_name, region = data.aws_region.current.id, role_arn = null, statement = module.storage[0].table_statement
  }

  targets = var.targets_uri != null ? { uri = var.targets_uri, arn = null } : {
    uri = module.targets[0].uri, arn = module.targets[0].arn
  }
}

module "agents" {
  source = "./modules/agents"

  name             = var.name
  vpc_id           = local.network.vpc_id
  subnet_ids       = local.agents_public ? local.network.public_subnet_ids : local.network.private_subnet_ids
  assign_public_ip = local.agents_public
  collector        = module.edge.agents_endpoint
  token_secret_arn = var.agent_token_secret_arn

  image            = var.agent_image
  cpu              = var.agents.cpu
  memory_mib       = var.agents.memory_mib
  cpu_architecture = var.cpu_architecture
  concurrency      = var.agents.concurrency
  per_zone         = var.agents.per_zone
  probe_ports      = var.agents.probe_ports
  deny_private     = var.agents.deny_private
  allow_networks   = var.agents.allow_networks
  environment      = var.agents.environment

  alarm_actions         = [module.observability.topic_arn]
  runbook_url           = var.runbook_url
  wait_for_steady_state = var.wait_for_steady_state
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
}

module "observability" {
  source = "./modules/observability"

  name            = var.name
  vantage         = module.agents.vantage
  zones           = local.zones
  table_name      = local.table.name
  load_balancers  = module.edge.metric_dimensions
  log_group_names = { collector = module.collector.log_group_name, agents = module.agents.log_group_name }
  emails          = var.alarm_emails
  thresholds      = var.alarm_thresholds
  runbook_url     = var.runbook_url
  archive_days    = var.log_archive_days
  kms_key_arn     = var.kms_key_arn
}

module "cdn" {
  source = "./modules/cdn"
  count  = var.cdn ? 1 : 0

  name        = var.name
  api_host    = module.edge.api_host
  assets_path = "${path.module}/../collector/assets"
  alias       = var.cdn_alias
}
