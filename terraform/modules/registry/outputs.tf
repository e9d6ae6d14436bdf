output "repository_urls" {
  description = "Where to push, by program."
  value       = { for program, repository in aws_ecr_repository.this : program => repository.repository_url }
}

output "repository_arns" {
  description = "ARNs of the repositories, by program."
  value       = { for program, repository in aws_ecr_repository.this : program => repository.arn }
}
