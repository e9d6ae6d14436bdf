output "task_definition_arn" {
  description = "The task definition, with its revision."
  value       = aws_ecs_task_definition.this.arn
}

output "container_definitions" {
  description = "What the task runs, as JSON."
  value       = aws_ecs_task_definition.this.container_definitions
}

output "execution_role_arn" {
  description = "The role that ECS starts the task with."
  value       = aws_iam_role.execution.arn
}

output "log_group_name" {
  description = "Where its logs are."
  value       = aws_cloudwatch_log_group.this.name
}

output "assume_role_policy" {
  description = "The trust policy of a role for such tasks."
  value       = local.tasks_may_assume
}
