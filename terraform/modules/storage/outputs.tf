output "table_name" {
  description = "The table."
  value       = aws_dynamodb_table.log.name
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.log.arn
}

output "table_statement" {
  description = "The policy statement that lets a collector use the table, and no more."
  value       = local.table_statement
}

output "role_arn" {
  description = "The role for collectors of other accounts; null without any."
  value       = one(aws_iam_role.store[*].arn)
}
