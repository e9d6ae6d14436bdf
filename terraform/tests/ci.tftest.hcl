# What workflows may do, and before all: what they may not.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name             = "watch"
  repository       = "zonewatch/zonewatch"
  repository_arns  = ["arn:aws:ecr:eu-west-1:111122223333:repository/watch-agent", "arn:aws:ecr:eu-west-1:111122223333:repository/watch-collector"]
  state_bucket_arn = "arn:aws:s3:::watch-state"
  regions          = ["eu-west-1"]
}

run "each_workflow_gets_the_role_that_fits_and_no_other" {
  module {
    source = "./modules/ci"
  }

  assert {
    condition = { for purpose, role in aws_iam_role.this : purpose => jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] } == {
      push   = "repo:zonewatch/zonewatch:environment:release"
      plan   = "repo:zonewatch/zonewatch:pull_request"
      deploy = "repo:zonewatch/zonewatch:environment:production"
    }
    error_message = "A role is for one kind of run, word for word."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com" && jsondecode(role.assume_role_policy).Statement[0].Action == "sts:AssumeRoleWithWebIdentity"])
    error_message = "A token that was made for somebody else is of no use."
  }

  assert {
    condition     = toset([for key, attachment in aws_iam_role_policy_attachment.read : key]) == toset(["plan", "deploy"]) && length(aws_iam_role_policy_attachment.write) == 2
    error_message = "Plan reads; deploy reads and writes; push does neither."
  }

  assert {
    condition     = alltrue(flatten([for policy in values(output.policies) : [for statement in jsondecode(policy).Statement : [for action in statement.Action : can(regex("^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$", action))]]]))
    error_message = "Every action is spelt out: no pattern anywhere."
  }

  assert {
    condition     = alltrue([for action in jsondecode(aws_iam_policy.read.policy).Statement[0].Action : can(regex(":(Describe|Get|List)", action))])
    error_message = "What reads changes nothing."
  }

  assert {
    condition     = !contains(flatten([for policy in values(output.policies) : [for statement in jsondecode(policy).Statement : statement.Action]]), "secretsmanager:GetSecretValue") && !contains(flatten([for policy in values(output.policies) : [for statement in jsondecode(policy).Statement : statement.Action]]), "dynamodb:Scan")
    error_message = "Nobody who deploys reads a secret or the table."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.write["rest"].policy).Statement : strcontains(jsonencode(statement.Resource), "role/watch-") || strcontains(jsonencode(statement.Resource), "role/aws-service-role/") if anytrue([for action in statement.Action : startswith(action, "iam:")])])
    error_message = "Roles that are not this installation's are out of reach."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_policy.write["rest"].policy).Statement : statement.Effect if statement.Sid == "NotItself"]) == "Deny"
    error_message = "The deploy role cannot widen itself."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_policy.write["rest"].policy).Statement : [statement.Effect, statement.Resource] if statement.Sid == "NotBootstrap"]) == ["Deny", [var.state_bucket_arn, "${var.state_bucket_arn}/watch-bootstrap/*"]]
    error_message = "The deploy role cannot change what bootstrap goes by, though the state's bucket is called like its own."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.read.policy).Statement[1].Resource == ["arn:aws:s3:::watch-targets-111122223333/*", "arn:aws:s3:::watch-page-111122223333/*"]
    error_message = "Plan reads the objects that Terraform manages, and no others."
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : length(policy) <= 6144])
    error_message = "IAM takes policies of 6144 characters."
  }

  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.state["plan"].policy).Statement[1].Action) == toset(["s3:GetObject"]) && jsondecode(aws_iam_role_policy.state["plan"].policy).Statement[1].Resource[0] == "arn:aws:s3:::watch-state/watch/*"
    error_message = "Plan reads the state of this installation, and writes none."
  }

  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.push.policy).Statement[1].Resource) == toset(var.repository_arns) && !contains(jsondecode(aws_iam_role_policy.push.policy).Statement[1].Action, "ecr:BatchDeleteImage")
    error_message = "Push adds images to these repositories, and deletes none."
  }
}

run "the_account_s_own_identity_provider_is_used" {
  command   = plan
  state_key = "provider"

  module {
    source = "./modules/ci"
  }

  variables {
    oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    environments      = { push = "images", deploy = "live" }
  }

  assert {
    condition     = { for purpose, role in aws_iam_role.this : purpose => jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] if purpose != "plan" } == { push = "repo:zonewatch/zonewatch:environment:images", deploy = "repo:zonewatch/zonewatch:environment:live" }
    error_message = "The environments are those that are named."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "There can be only one."
  }
}

run "what_cannot_be_meant_is_refused" {
  command = plan

  module {
    source = "./modules/ci"
  }

  variables {
    repository = "zonewatch"
    regions    = []
  }

  expect_failures = [var.repository, var.regions]
}

run "bootstrap_makes_the_state_s_bucket_two_empty_secrets_and_three_roles" {
  state_key = "bootstrap"

  module {
    source = "./bootstrap"
  }

  variables {
    region            = "eu-west-1"
    agent_regions     = ["us-east-1"]
    github_repository = "zonewatch/zonewatch"
  }

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.this)) == toset(["agent-token", "api-token"]) && [for replica in aws_secretsmanager_secret.this["agent-token"].replica : replica.region] == ["us-east-1"] && length(aws_secretsmanager_secret.this["api-token"].replica) == 0
    error_message = "The agents' token is in every region that has agents."
  }

  assert {
    condition     = strcontains(output.backend, "use_lockfile = true") && strcontains(output.backend, "encrypt      = true") && toset(keys(output.ci_role_arns)) == toset(["push", "plan", "deploy"])
    error_message = "State is locked and encrypted; the roles are told."
  }
}

run "bootstrap_without_a_repository_makes_no_roles" {
  state_key = "bootstrap alone"

  module {
    source = "./bootstrap"
  }

  variables {
    region           = "eu-west-1"
    pull_account_ids = ["444455556666"]
  }

  assert {
    condition     = output.ci_role_arns == null && length(module.ci) == 0 && length(aws_secretsmanager_secret.this["agent-token"].replica) == 0
    error_message = "Nobody but a person deploys; one region needs one copy of the token."
  }
}

run "bootstrap_uses_the_account_s_own_identity_provider" {
  state_key = "bootstrap provider"

  module {
    source = "./bootstrap"
  }

  variables {
    region                   = "eu-west-1"
    github_repository        = "zonewatch/zonewatch"
    github_oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/mine"
  }

  assert {
    condition     = output.github_oidc_provider_arn == "arn:aws:iam::111122223333:oidc-provider/mine"
    error_message = "There can be only one."
  }
}
