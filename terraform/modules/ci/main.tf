# What a repository on GitHub may do here, without a key that could leak: each workflow proves who it is (OIDC), and gets a
# role that fits. push: images. plan: read, for pull requests. deploy: change everything of this name.

locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = var.oidc_provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.oidc_provider_arn
  account      = data.aws_caller_identity.current.account_id
  partition    = data.aws_partition.current.partition

  # Which runs may have which role: the subject of their tokens, word for word.
  subjects = {
    push   = "repo:${var.repository}:environment:${var.environments.push}"
    plan   = "repo:${var.repository}:pull_request"
    deploy = "repo:${var.repository}:environment:${var.environments.deploy}"
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name                 = "${var.name}-ci-${each.key}"
  description          = "GitHub Actions of ${var.repository}: ${each.key}"
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity" # the runs whose tokens say so
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = each.value
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "push" {
  #checkov:skip=CKV_AWS_355:ecr:GetAuthorizationToken has no resource; the rest names its repositories
  name = "push"
  role = aws_iam_role.this["push"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"] # to push at all
        Resource = "*"
      },
      {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", # what is there need not be sent
          "ecr:InitiateLayerUpload",         # a layer: its beginning,
          "ecr:UploadLayerPart",             # its parts,
          "ecr:CompleteLayerUpload",         # its end
          "ecr:PutImage",                    # the manifest; a signature is one, too
          "ecr:BatchGetImage",               # to sign an image it has to be read
          "ecr:GetDownloadUrlForLayer",      # and what was signed before
          "ecr:DescribeImages",              # whether a tag is there
        ]
        Resource = var.repository_arns
      },
    ]
  })
}

resource "aws_iam_role_policy" "state" {
  for_each = { plan = local.state_read, deploy = local.state_write }

  name = "state"
  role = aws_iam_role.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "FindState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"] # whether there is a state yet
        Resource = var.state_bucket_arn
      },
      {
        Sid      = "State"
        Effect   = "Allow"
        Action   = each.value
        Resource = ["${var.state_bucket_arn}/${var.name}/*"]
      },
    ]
  })
}

locals {
  state_read = ["s3:GetObject"] # what there is, to compare with
  state_write = [
    "s3:GetObject",    # what there is
    "s3:PutObject",    # the state, and the lock beside it
    "s3:DeleteObject", # the lock
  ]
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
