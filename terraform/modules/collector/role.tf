# What the collector may do in AWS: use one table, read one object. Metrics go out as log lines and need no right.

resource "aws_iam_role" "task" {
  name               = "${var.name}-collector-${data.aws_region.current.id}"
  assume_role_policy = module.task.assume_role_policy
}

resource "aws_iam_role_policy" "task" {
  name = "work"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.store_statements, local.targets_statements, local.key_statements)
  })
}

locals {
  # In another account the table is behind a role there.
  store_statements = var.table.role_arn == null ? [var.table.statement] : [{
    Sid      = "StoreOfAnotherAccount"
    Effect   = "Allow"
    Action   = ["sts:AssumeRole"] # for credentials that may use the table there
    Resource = var.table.role_arn
  }]

  targets_statements = var.targets.arn == null ? [] : [{
    Sid      = "Targets"
    Effect   = "Allow"
    Action   = ["s3:GetObject"] # if its ETag is another than that of the file in use
    Resource = var.targets.arn
  }]

  key_statements = var.kms_key_arn == null ? [] : [{
    Sid    = "DecryptTableAndTargets"
    Effect = "Allow"
    Action = [
      "kms:Decrypt",         # what is read
      "kms:GenerateDataKey", # what is written into the table
    ]
    Resource = var.kms_key_arn
    Condition = {
      StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "s3"] : "${service}.${data.aws_region.current.id}.amazonaws.com"] }
    }
  }]
}

data "aws_region" "current" {}
