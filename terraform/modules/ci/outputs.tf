output "role_arns" {
  description = "The roles, by what they are for: push, plan, deploy."
  value       = { for purpose, role in aws_iam_role.this : purpose => role.arn }
}

output "oidc_provider_arn" {
  description = "The account's identity provider for GitHub, for a second installation in it: there can be only one."
  value       = local.provider_arn
}

output "policies" {
  description = "The policies of the deploy role, as JSON, by name."
  value       = merge({ read = aws_iam_policy.read.policy }, { for name, policy in aws_iam_policy.write : name => policy.policy })
}
