output "backend" {
  description = "The backend's settings for the installation: write them into backend.hcl."
  value       = <<-EOT
    bucket       = "${module.state.name}"
    key          = "${var.name}/terraform.tfstate"
    region       = "${var.region}"
    encrypt      = true
    use_lockfile = true
  EOT
}

output "repository_urls" {
  description = "Where to push the images."
  value       = module.registry.repository_urls
}

output "secret_arns" {
  description = "The secrets to fill."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "ci_role_arns" {
  description = "Roles for the repository's variables AWS_PUSH_ROLE, AWS_PLAN_ROLE and AWS_DEPLOY_ROLE; null without a repository."
  value       = one(module.ci[*].role_arns)
}

output "github_oidc_provider_arn" {
  description = "The account's identity provider for GitHub: the variable of this name for a second installation in it; null without a repository."
  value       = one(module.ci[*].oidc_provider_arn)
}
