# What has to be there before the rest: the state's bucket, the registry, the secrets (empty: you fill them), and what CI
# may do. Applied once by a person, with local state that then moves into the bucket: docs/aws/first-deployment.md.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.name, ManagedBy = "terraform/bootstrap" }
  }
}

module "state" {
  source = "../modules/bucket"

  name            = "${var.name}-state-${data.aws_caller_identity.current.account_id}"
  noncurrent_days = 365 # Old states are how one undoes a bad apply.
}

module "registry" {
  source = "../modules/registry"

  name             = var.name
  pull_account_ids = var.pull_account_ids
  replica_regions  = var.agent_regions
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV_AWS_149:A key of one's own is not needed for one account; for several: docs/aws/architecture.md
  #checkov:skip=CKV2_AWS_57:Rotation is a runbook: agents and collector have to change in an order
  for_each = {
    agent-token = "What agents show the collector: a token a line, the first one is what they show"
    api-token   = "What the API and the dashboard ask for: a token a line"
  }

  name        = "${var.name}/${each.key}"
  description = each.value

  # Each region's agents read the token there.
  dynamic "replica" {
    for_each = each.key == "agent-token" ? var.agent_regions : []

    content {
      region = replica.value
    }
  }
}

module "ci" {
  source = "../modules/ci"
  count  = var.github_repository == null ? 0 : 1

  name              = var.name
  repository        = var.github_repository
  oidc_provider_arn = var.github_oidc_provider_arn
  repository_arns   = values(module.registry.repository_arns)
  state_bucket_arn  = module.state.arn
  regions           = concat([var.region], tolist(var.agent_regions))
}

data "aws_caller_identity" "current" {}
