# What Terraform needs for an installation, action by action (actions.tf). Where AWS lets a policy name the things that are
# called NAME-…, it does. Whoever may change what Terraform applies can give its roles any right: protect the environment.

resource "aws_iam_policy" "read" {
  #checkov:skip=CKV_AWS_355:Describing and listing has no resources in most services
  name        = "${var.name}-ci-read"
  description = "Looks at everything that Terraform looks at"
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.read_statements })
}

resource "aws_iam_policy" "write" {
  for_each = local.write_policies

  #checkov:skip=CKV_AWS_290:The actions that take no resource before it exists are limited to this region
  #checkov:skip=CKV_AWS_355:Those of networks and load balancers name things by ids that are not known beforehand
  #checkov:skip=CKV_AWS_289:It deploys roles; they are limited to this name, and what they may be passed to, too
  #checkov:skip=CKV_AWS_287:It reads no credentials
  name        = "${var.name}-ci-write-${each.key}"
  description = "Changes what Terraform changes: ${each.key}"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "read" {
  for_each = toset(["plan", "deploy"])

  role       = aws_iam_role.this[each.key].name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "write" {
  for_each = aws_iam_policy.write

  role       = aws_iam_role.this["deploy"].name
  policy_arn = each.value.arn
}

locals {
  mine = "arn:${local.partition}" # ARNs of what is called NAME-…, in any region

  read_statements = [
    {
      Sid      = "Read"
      Effect   = "Allow"
      Action   = local.actions_of.read
      Resource = "*"
    },
    {
      # What Terraform has put into buckets, to compare with: the target file, the page.
      Sid      = "Objects"
      Effect   = "Allow"
      Action   = local.actions_of.objects
      Resource = [for bucket in ["targets", "page"] : "${local.mine}:s3:::${var.name}-${bucket}-${local.account}/*"]
    },
  ]

  write_policies = {
    network = [{
      Sid       = "Network"
      Effect    = "Allow"
      Action    = local.actions_of.network
      Resource  = "*"
      Condition = { StringEquals = { "aws:RequestedRegion" = var.regions } }
    }]

    rest = [
      {
        Sid       = "Regional"
        Effect    = "Allow"
        Action    = local.actions_of.regional
        Resource  = "*"
        Condition = { StringEquals = { "aws:RequestedRegion" = var.regions } }
      },
      {
        Sid      = "Global"
        Effect   = "Allow"
        Action   = local.actions_of.global
        Resource = "*"
      },
      {
        Sid      = "Buckets"
        Effect   = "Allow"
        Action   = local.actions_of.buckets
        Resource = ["${local.mine}:s3:::${var.name}-*", "${local.mine}:s3:::${var.name}-*/*"]
      },
      {
        # The state's bucket is called NAME-…, too, and what bootstrap made, these rights among it, is read from there.
        Sid      = "NotBootstrap"
        Effect   = "Deny"
        Action   = local.actions_of.buckets
        Resource = [var.state_bucket_arn, "${var.state_bucket_arn}/${var.name}-bootstrap/*"]
      },
      {
        Sid      = "Roles"
        Effect   = "Allow"
        Action   = local.actions_of.roles
        Resource = "${local.mine}:iam::${local.account}:role/${var.name}-*"
      },
      {
        # Its own roles are called NAME-…, too: it must not widen them.
        Sid      = "NotItself"
        Effect   = "Deny"
        Action   = local.actions_of.roles
        Resource = "${local.mine}:iam::${local.account}:role/${var.name}-ci-*"
      },
      {
        Sid       = "PassRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"] # to the services that work with them
        Resource  = "${local.mine}:iam::${local.account}:role/${var.name}-*"
        Condition = { StringEquals = { "iam:PassedToService" = ["ecs-tasks.amazonaws.com", "firehose.amazonaws.com", "logs.amazonaws.com", "vpc-flow-logs.amazonaws.com"] } }
      },
      {
        Sid       = "ServiceLinkedRoles"
        Effect    = "Allow"
        Action    = ["iam:CreateServiceLinkedRole"] # an account's first ECS service, load balancer, scaling policy
        Resource  = "${local.mine}:iam::${local.account}:role/aws-service-role/*"
        Condition = { StringEquals = { "iam:AWSServiceName" = ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com"] } }
      },
    ]
  }
}
