# What faces outwards: an application load balancer for people and scripts, a network load balancer for agents.
# Agents get the latter because the former does not pass HTTP/2 pings on and cuts streams that are idle for a minute.

locals {
  has_tls = var.domain != null
  api_url = local.has_tls ? "https://${var.domain.name}" : "http://${aws_lb.api.dns_name}"

  agents_port = local.has_tls ? 443 : 50051
  agents_host = local.has_tls ? "agents.${var.domain.name}" : aws_lb.agents.dns_name
}

resource "aws_lb" "api" {
  #checkov:skip=CKV2_AWS_28:A web ACL is the caller's: associate one with the output api_load_balancer_arn
  #checkov:skip=CKV2_AWS_20:With a domain, port 80 redirects; without one there is no certificate to redirect to
  #checkov:skip=CKV_AWS_150:Deletion protection is on unless deletion_protection says otherwise
  #checkov:skip=CKV_AWS_91:Access logs are on unless access_log_days is 0
  name               = "${var.name}-api"
  load_balancer_type = "application"
  internal           = false
  subnets            = var.public_subnet_ids
  security_groups    = concat([aws_security_group.api.id], aws_security_group.cdn[*].id)

  # Shorter than the collector's patience with an idle connection (75 s): the other way round, some requests would be
  # sent into connections that are just being closed, and come back as 502.
  idle_timeout               = 60
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = module.access_logs[*].id

    content {
      bucket  = access_logs.value
      prefix  = "api"
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "api" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; the last hop stays inside the VPC, between two security groups
  name                 = "${var.name}-api"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 30 # The collector drains within 25 s.

  health_check {
    path                = "/readyz" # A standby is ready, too: it answers, and knows who leads.
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
    matcher             = "200"
  }
}

resource "aws_lb_listener" "https" {
  count = local.has_tls ? 1 : 0

  load_balancer_arn = aws_lb.api.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = local.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:With a domain it redirects to HTTPS; without one there is no certificate, and allowed_cidrs says who may come
  #checkov:skip=CKV_AWS_103:This one has no TLS; the HTTPS listener has 1.2 and 1.3
  load_balancer_arn = aws_lb.api.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = local.has_tls ? "redirect" : "forward"
    target_group_arn = local.has_tls ? null : aws_lb_target_group.api.arn

    dynamic "redirect" {
      for_each = local.has_tls ? ["443"] : []

      content {
        port        = redirect.value
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }
  }
}
