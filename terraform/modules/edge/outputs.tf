output "api_url" {
  description = "The dashboard and the API."
  value       = local.api_url
}

output "agents_endpoint" {
  description = "Where agents find the collector."
  value       = { host = local.agents_host, port = local.agents_port, tls = local.has_tls }
}

output "api_host" {
  description = "Host name of the API, for a CDN before it."
  value       = local.has_tls ? var.domain.name : aws_lb.api.dns_name
}

output "api_target_group_arn" {
  description = "Where the collector registers for the API, once something listens."
  value       = aws_lb_target_group.api.arn
  depends_on  = [aws_lb_listener.http, aws_lb_listener.https]
}

output "agents_target_group_arn" {
  description = "Where the collector registers for agents, once something listens."
  value       = aws_lb_target_group.agents.arn
  depends_on  = [aws_lb_listener.agents]
}

output "security_group_ids" {
  description = "Security groups of the two load balancers."
  value       = { api = aws_security_group.api.id, agents = aws_security_group.agents.id }
}

output "api_load_balancer_arn" {
  description = "The application load balancer, to associate a web ACL with."
  value       = aws_lb.api.arn
}

output "metric_dimensions" {
  description = "The load balancers and target groups as CloudWatch names them."
  value = {
    api    = { LoadBalancer = aws_lb.api.arn_suffix, TargetGroup = aws_lb_target_group.api.arn_suffix }
    agents = { LoadBalancer = aws_lb.agents.arn_suffix, TargetGroup = aws_lb_target_group.agents.arn_suffix }
  }
}
