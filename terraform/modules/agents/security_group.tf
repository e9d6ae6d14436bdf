# No way in at all: there is not one ingress rule, and there must not be.

locals {
  egress_ports = toset([for port in setunion(var.probe_ports, [var.collector.port, 443]) : tostring(port)])
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:It is attached to the services of this module
  name        = "${var.name}-agent"
  description = "Zonewatch: agents, who only dial out"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-agent" }
}

# 443 is also the registry, the logs and the token. Metadata endpoints are beyond security groups: agents refuse them.
resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.egress_ports

  security_group_id = aws_security_group.this.id
  description       = each.key == tostring(var.collector.port) ? "The collector, and probes" : "Probes"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}
