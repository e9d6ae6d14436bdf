output "dashboard_url" {
  description = "The dashboard."
  value       = var.cdn ? module.cdn[0].url : module.edge.api_url
}

output "api_url" {
  description = "The API."
  value       = module.edge.api_url
}

output "agents_endpoint" {
  description = "Where agents find the collector: `collector` of modules/agents, for agents elsewhere."
  value       = module.edge.agents_endpoint
}

output "vantage" {
  description = "The vantage of this region's agents."
  value       = module.agents.vantage
}

output "nat_public_ips" {
  description = "Addresses that probes come from: for the allow-lists of those who are probed. Empty where agents have addresses of their own, which change."
  value       = local.agents_public ? [] : local.network.nat_public_ips
}

output "targets_uri" {
  description = "Where the target file is; to change the targets, put another one there."
  value       = local.targets.uri
}

output "table_name" {
  description = "The table of the log."
  value       = local.table.name
}

output "alarm_topic_arn" {
  description = "Where alarms go: subscribe a pager or a chat here."
  value       = module.observability.topic_arn
}

output "cloudwatch_dashboard" {
  description = "The dashboard in CloudWatch."
  value       = module.observability.dashboard_name
}

output "log_group_names" {
  description = "The logs, by program."
  value       = { collector = module.collector.log_group_name, agent = module.agents.log_group_name }
}

output "collector_service" {
  description = "Cluster and service of the collector, for the runbooks' commands."
  value       = { cluster = module.collector.cluster_name, service = module.collector.service_name }
}

output "agent_services" {
  description = "Cluster, and services by zone, of the agents, for the runbooks' commands."
  value       = { cluster = module.agents.cluster_name, services = module.agents.service_names }
}

output "collector_role_arn" {
  description = "The collector's role: what a table of another account has to trust."
  value       = module.collector.task_role_arn
}

output "api_load_balancer_arn" {
  description = "The API's load balancer, to associate a web ACL with."
  value       = module.edge.api_load_balancer_arn
}

output "vpc_id" {
  description = "The VPC."
  value       = local.network.vpc_id
}
