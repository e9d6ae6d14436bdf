# The collector is reached by the load balancers and by its standby, and by nobody else.

locals {
  # Keys are known before the groups exist.
  ingress = {
    api    = { port = 8080, from = var.security_group_ids.api, what = "The API, from its load balancer" }
    health = { port = 8080, from = var.security_group_ids.agents, what = "Health checks, from the load balancer of the agents" }
    agents = { port = 50051, from = var.security_group_ids.agents, what = "Sessions of agents, from their load balancer" }
    peer   = { port = 8080, from = aws_security_group.this.id, what = "Requests that a standby hands on to who leads" }
  }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:It is attached to the service of this module
  name        = "${var.name}-collector"
  description = "Zonewatch: the collector"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-collector" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.ingress

  security_group_id            = aws_security_group.this.id
  description                  = each.value.what
  referenced_security_group_id = each.value.from
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  security_group_id = aws_security_group.this.id
  description       = "DynamoDB, S3, the registry, logs, secrets; a target file, a webhook or a heartbeat over HTTPS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "peer" {
  security_group_id            = aws_security_group.this.id
  description                  = "Requests that a standby hands on to who leads"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}
