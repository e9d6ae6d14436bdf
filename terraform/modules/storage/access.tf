# Optional: a role that a collector of another account assumes to get at the table (`role_arn` in its --store).

resource "aws_iam_role" "store" {
  count = length(var.trusted_role_arns) > 0 ? 1 : 0

  name = "${var.name}-store"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = sort(var.trusted_role_arns) }
      Action    = "sts:AssumeRole" # collectors that are named, and nobody else
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
    "dynamodb:GetItem",        # the lease; where the log begins; what is under a position that was taken
    "dynamodb:Query",          # the log from a position on; the pieces of a part
    "dynamodb:PutItem",        # a group, if its position is free; the lease, if nobody else took it; pieces of parts
    "dynamodb:BatchWriteItem", # deletes what is trimmed
  ]

  table_statement = {
    Sid      = "Store"
    Effect   = "Allow"
    Action   = local.table_actions
    Resource = aws_dynamodb_table.log.arn
  }
}
