# The execution role: what ECS itself does to start the task. The program in the task cannot get at it.

locals {
  # ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME… → the repository's ARN; an image from elsewhere needs no right here.
  ecr = try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.[a-z.]+/([^:@]+)", var.image), null)

  pull_statements = local.ecr == null ? [] : [
    {
      Sid      = "Login"
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken"] # to pull at all
      Resource = "*"                           # It has no resource: AWS takes nothing else here.
    },
    {
      Sid    = "Pull"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability", # which layers there are
        "ecr:BatchGetImage",               # the manifest
        "ecr:GetDownloadUrlForLayer",      # the layers
      ]
      Resource = "arn:${data.aws_partition.current.partition}:ecr:${local.ecr[1]}:${local.ecr[0]}:repository/${local.ecr[2]}"
    },
  ]

  secret_statements = length(var.secret_arns) == 0 ? [] : [{
    Sid      = "Secrets"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"] # handed to the program as variables
    Resource = sort(values(var.secret_arns))
  }]

  key_statements = var.kms_key_arn == null ? [] : [{
    Sid       = "DecryptSecrets"
    Effect    = "Allow"
    Action    = ["kms:Decrypt"] # secrets that are encrypted with the key
    Resource  = var.kms_key_arn
    Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.id}.amazonaws.com" } }
  }]

  log_statements = [{
    Sid    = "Log"
    Effect = "Allow"
    Action = [
      "logs:CreateLogStream", # one a task
      "logs:PutLogEvents",    # what the program says
    ]
    Resource = "${aws_cloudwatch_log_group.this.arn}:*"
  }]
}

resource "aws_iam_role" "execution" {
  # IAM knows no regions: the same name in two of them would collide.
  name               = "${var.name}-execution-${data.aws_region.current.id}"
  assume_role_policy = local.tasks_may_assume
}

resource "aws_iam_role_policy" "execution" {
  #checkov:skip=CKV_AWS_355:ecr:GetAuthorizationToken has no resource; every other statement names its own
  name = "start"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.pull_statements, local.secret_statements, local.key_statements, local.log_statements)
  })
}

locals {
  # Only tasks of this account and region, so that nobody else's ECS can be talked into using the role.
  tasks_may_assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole" # ECS, to start a task
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:*" }
      }
    }]
  })
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
