# Optional: a role that a collector of another account assumes to get at the table (`role_arn` in its --store).

resource "aws_iam_role" "store" {
  count = length(var.trusted_role_arns) > 0 ? 1 : 0

  name = "${var.name}-store"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = sort(var.trusted_role_arns) }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "store" {
  count = length(var.trusted_role_arns) > 0 ? 1 : 0

  name = "store"
  role = aws_iam_role.store[0].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.table_statement]
  })
}

locals {
  # All that the store does (docs/store-dynamodb.md). No Scan: every read knows its keys. No rights over the table itself.
  table_actions = [
    "dynamodb:GetItem",        # the lease, the head of the log
    "dynamodb:Query",          # the log from a position on
    "dynamodb:PutItem",        # a record, if its position is free
    "dynamodb:UpdateItem",     # the lease, renewed
    "dynamodb:DeleteItem",     # the lease, given back
    "dynamodb:BatchWriteItem", # parts of a finished hour; what is trimmed
  ]

  table_statement = {
    Sid      = "Store"
    Effect   = "Allow"
    Action   = local.table_actions
    Resource = aws_dynamodb_table.log.arn
  }
}
