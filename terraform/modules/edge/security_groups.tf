# Who may come to which load balancer. What they may reach behind it is the collector's own security group.

locals {
  api_rules = merge([
    for cidr in var.allowed_cidrs : { for port in local.has_tls ? [443, 80] : [80] : "${cidr} ${port}" => { cidr = cidr, port = port } }
  ]...)

  # Inside the VPC everyone; from outside those who are named, and this installation's own NAT gateways. By index, because
  # the addresses are not known before the gateways are there.
  agents_sources = merge(
    var.agents_public ? { for cidr in var.agents_cidrs : cidr => cidr } : { vpc = var.vpc_cidr },
    var.agents_public ? { for index, address in var.agents_nat_ips : "nat ${index}" => "${address}/32" } : {},
  )
}

resource "aws_security_group" "api" {
  #checkov:skip=CKV2_AWS_5:It is attached to the load balancer of this module
  name        = "${var.name}-api"
  description = "Zonewatch: the load balancer of the API and the dashboard"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-api" }
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  #checkov:skip=CKV_AWS_260:Only if allowed_cidrs says so, and then the API asks for a token
  for_each = local.api_rules

  security_group_id = aws_security_group.api.id
  description       = each.value.port == 443 ? "HTTPS" : local.has_tls ? "HTTP, redirected to HTTPS" : "HTTP: there is no domain, and so no certificate"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

# A group of its own: CloudFront's list alone counts as 55 of the 60 rules that a group may have.
resource "aws_security_group" "cdn" {
  #checkov:skip=CKV2_AWS_5:It is attached to the load balancer of this module
  count = var.allow_cloudfront ? 1 : 0

  name        = "${var.name}-cdn"
  description = "Zonewatch: CloudFront, which serves the dashboard"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-cdn" }
}

resource "aws_vpc_security_group_ingress_rule" "cdn" {
  count = var.allow_cloudfront ? 1 : 0

  security_group_id = aws_security_group.cdn[0].id
  description       = "CloudFront, which serves the dashboard"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront[0].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "api" {
  security_group_id = aws_security_group.api.id
  description       = "The collector"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 8080
  to_port           = 8080
}

resource "aws_security_group" "agents" {
  #checkov:skip=CKV2_AWS_5:It is attached to the load balancer of this module
  name        = "${var.name}-agents-in"
  description = "Zonewatch: the load balancer of the agents"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-agents-in" }
}

resource "aws_vpc_security_group_ingress_rule" "agents" {
  for_each = local.agents_sources

  security_group_id = aws_security_group.agents.id
  description       = "Agents, who show a token"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.agents_port
  to_port           = local.agents_port
}

resource "aws_vpc_security_group_egress_rule" "agents" {
  for_each = { "Sessions of agents" = 50051, "Health checks" = 8080 }

  security_group_id = aws_security_group.agents.id
  description       = each.key
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

data "aws_ec2_managed_prefix_list" "cloudfront" {
  count = var.allow_cloudfront ? 1 : 0

  name = "com.amazonaws.global.cloudfront.origin-facing"
}
