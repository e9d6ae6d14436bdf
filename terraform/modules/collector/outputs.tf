output "cluster_name" {
  description = "The cluster that the collector runs in."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "The service of the collector."
  value       = aws_ecs_service.this.name
}

output "task_role_arn" {
  description = "The role of the collector: for the trust policy of a table in another account."
  value       = aws_iam_role.task.arn
}

output "task_role_policy" {
  description = "What the collector may do, as JSON."
  value       = aws_iam_role_policy.task.policy
}

output "log_group_name" {
  description = "The collector's logs."
  value       = module.task.log_group_name
}

output "container_definitions" {
  description = "What the task runs, as JSON."
  value       = module.task.container_definitions
}

output "security_group_id" {
  description = "Security group of the tasks."
  value       = aws_security_group.this.id
}
