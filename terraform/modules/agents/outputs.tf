output "cluster_name" {
  description = "The cluster that the agents run in."
  value       = aws_ecs_cluster.this.name
}

output "service_names" {
  description = "The services of the agents, by zone."
  value       = { for zone, service in aws_ecs_service.zone : zone => service.name }
}

output "vantage" {
  description = "The place that these agents report from."
  value       = local.vantage
}

output "least_at_once" {
  description = "Probes that the agents run at once when the zone with the most of them is lost and none has been added."
  value       = (length(var.subnet_ids) - 1) * var.per_zone.min * var.concurrency
}

output "log_group_name" {
  description = "The agents' logs."
  value       = module.task.log_group_name
}

output "container_definitions" {
  description = "What the task runs, as JSON."
  value       = module.task.container_definitions
}

output "security_group_id" {
  description = "Security group of the agents."
  value       = aws_security_group.this.id
}
