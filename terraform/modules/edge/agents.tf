# The agents' door. With a domain TLS ends here; without one it is plain text, and then for the VPC alone.

resource "aws_lb" "agents" {
  #checkov:skip=CKV_AWS_150:Deletion protection is on unless deletion_protection says otherwise
  #checkov:skip=CKV_AWS_91:Access logs are on unless access_log_days is 0
  name               = "${var.name}-agents"
  load_balancer_type = "network"
  internal           = !var.agents_public
  subnets            = var.agents_public ? var.public_subnet_ids : var.private_subnet_ids
  security_groups    = [aws_security_group.agents.id]

  # One collector leads, in one zone: agents of the others must get there.
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection

  dynamic "access_logs" {
    for_each = module.access_logs[*].id

    content {
      bucket  = access_logs.value
      prefix  = "agents"
      enabled = true
    }
  }

  lifecycle {
    precondition {
      condition     = local.has_tls || !var.agents_public
      error_message = "Agents from the internet need TLS, and so a domain: their token would travel in plain text."
    }
  }
}

resource "aws_lb_target_group" "agents" {
  name                   = "${var.name}-agents"
  vpc_id                 = var.vpc_id
  target_type            = "ip"
  port                   = 50051
  protocol               = "TCP"
  preserve_client_ip     = false # The collector's security group then knows the load balancer alone.
  deregistration_delay   = 30
  connection_termination = true # Streams last for days: those that are left after 30 s are ended, and agents come back.

  health_check {
    protocol            = "HTTP"
    port                = 8080
    path                = "/readyz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "agents" {
  load_balancer_arn = aws_lb.agents.arn
  port              = local.agents_port
  protocol          = local.has_tls ? "TLS" : "TCP"
  ssl_policy        = local.has_tls ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  certificate_arn   = local.certificate_arn
  alpn_policy       = local.has_tls ? "HTTP2Only" : null # gRPC is HTTP/2, and clients ask for it by ALPN.

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.agents.arn
  }
}
