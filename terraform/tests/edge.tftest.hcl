# What faces outwards, with a domain and without.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "watch"
  vpc_id             = "vpc-1"
  vpc_cidr           = "10.0.0.0/16"
  public_subnet_ids  = ["subnet-1", "subnet-2"]
  private_subnet_ids = ["subnet-3", "subnet-4"]
  allowed_cidrs      = ["203.0.113.0/24"]
}

run "without_a_domain_http_for_the_named_networks_and_agents_of_the_vpc_only" {
  module {
    source = "./modules/edge"
  }

  assert {
    condition     = length(aws_lb_listener.https) == 0 && aws_lb_listener.http.default_action[0].type == "forward" && length(aws_route53_record.this) == 0 && length(aws_acm_certificate.this) == 0
    error_message = "No certificate, so HTTP; no names."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.api : "${rule.cidr_ipv4} ${rule.from_port}"] == ["203.0.113.0/24 80"]
    error_message = "The named network comes in, at port 80, and nobody else."
  }

  assert {
    condition     = aws_lb.agents.internal && aws_lb_listener.agents.protocol == "TCP" && aws_lb_listener.agents.port == 50051 && [for rule in aws_vpc_security_group_ingress_rule.agents : rule.cidr_ipv4] == ["10.0.0.0/16"]
    error_message = "Agents come from inside the VPC, where plain text stays."
  }

  assert {
    condition     = aws_lb.api.enable_deletion_protection && aws_lb.agents.enable_deletion_protection && aws_lb.api.drop_invalid_header_fields && aws_lb.agents.enable_cross_zone_load_balancing
    error_message = "Protected; strange headers end here; agents of every zone reach the one collector."
  }

  assert {
    condition     = aws_lb_target_group.agents.connection_termination && aws_lb_target_group.agents.deregistration_delay == "30" && aws_lb_target_group.agents.health_check[0].path == "/readyz" && aws_lb_target_group.api.health_check[0].path == "/readyz"
    error_message = "A collector that goes is let go of within half a minute; health is /readyz."
  }

  assert {
    condition     = length(module.access_logs) == 1 && aws_lb.api.access_logs[0].enabled && aws_lb.agents.access_logs[0].enabled
    error_message = "Access logs are written."
  }

  assert {
    condition     = output.agents_endpoint.port == 50051 && !output.agents_endpoint.tls && startswith(output.api_url, "http://")
    error_message = "The addresses say what there is."
  }
}

run "with_a_domain_tls_1_3_names_and_a_redirect" {
  state_key = "domain"

  module {
    source = "./modules/edge"
  }

  variables {
    domain              = { name = "watch.example.com", zone_id = "Z1" }
    agents_public       = true
    agents_cidrs        = ["198.51.100.0/24"]
    agents_nat_ips      = ["192.0.2.1"]
    allow_cloudfront    = true
    access_log_days     = 0
    deletion_protection = false
  }

  override_resource {
    target = aws_acm_certificate.this
    values = {
      arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
      domain_validation_options = [
        { domain_name = "watch.example.com", resource_record_name = "_1.watch.example.com", resource_record_type = "CNAME", resource_record_value = "_1.acm" },
        { domain_name = "agents.watch.example.com", resource_record_name = "_2.agents.watch.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm" },
      ]
    }
  }

  assert {
    condition     = aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06" && aws_lb_listener.agents.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06" && aws_lb_listener.agents.alpn_policy == "HTTP2Only" && aws_lb_listener.agents.protocol == "TLS"
    error_message = "TLS 1.3 or 1.2 at both doors; HTTP/2 for agents."
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].status_code == "HTTP_301"
    error_message = "HTTP is redirected."
  }

  assert {
    condition     = toset([for record in aws_route53_record.this : record.name]) == toset(["watch.example.com", "agents.watch.example.com"]) && toset([for record in aws_route53_record.validation : record.name]) == toset(["_1.watch.example.com", "_2.agents.watch.example.com"])
    error_message = "Both names, and both proofs for the certificate."
  }

  assert {
    condition     = !aws_lb.agents.internal && toset([for rule in aws_vpc_security_group_ingress_rule.agents : rule.cidr_ipv4]) == toset(["198.51.100.0/24", "192.0.2.1/32"])
    error_message = "Agents come from the named networks and through our own NAT gateways."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.cdn) == 1 && length(aws_lb.api.security_groups) == 2 && length(module.access_logs) == 0 && !aws_lb.api.enable_deletion_protection && !aws_lb.agents.enable_deletion_protection
    error_message = "CloudFront is let in by a group of its own; logs and protection are off when asked for."
  }

  assert {
    condition     = output.api_url == "https://watch.example.com" && output.agents_endpoint == { host = "agents.watch.example.com", port = 443, tls = true } && output.api_host == "watch.example.com"
    error_message = "The addresses are by name."
  }
}

run "a_certificate_of_one_s_own_is_used_as_it_is" {
  state_key = "certificate"
  command   = plan

  module {
    source = "./modules/edge"
  }

  variables {
    domain = { name = "watch.example.com", zone_id = "Z1", certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/mine" }
  }

  assert {
    condition     = length(aws_acm_certificate.this) == 0 && length(aws_route53_record.validation) == 0 && aws_lb_listener.https[0].certificate_arn == var.domain.certificate_arn && length(aws_route53_record.this) == 2
    error_message = "None is made."
  }
}

run "agents_from_the_internet_without_tls_are_refused" {
  state_key = "plain"
  command   = plan

  module {
    source = "./modules/edge"
  }

  variables {
    agents_public = true
  }

  expect_failures = [aws_lb.agents]
}

run "access_logs_of_half_a_day_are_refused" {
  state_key = "plain"
  command   = plan

  module {
    source = "./modules/edge"
  }

  variables {
    access_log_days = 0.5
  }

  expect_failures = [var.access_log_days]
}

run "a_name_that_ends_in_a_hyphen_or_has_two_is_refused" {
  state_key = "plain"
  command   = plan

  module {
    source = "./modules/edge"
  }

  variables {
    name = "zone--watch"
  }

  expect_failures = [var.name]
}

run "what_cannot_be_meant_is_refused" {
  state_key = "plain"
  command   = plan

  module {
    source = "./modules/edge"
  }

  variables {
    name          = "a-name-that-no-load-balancer-would-take"
    domain        = { name = "https://watch.example.com", zone_id = "Z1" }
    allowed_cidrs = ["203.0.113.0"]
    agents_cidrs  = ["everybody"]

    access_log_days = -1
  }

  expect_failures = [var.name, var.domain, var.allowed_cidrs, var.agents_cidrs, var.access_log_days]
}
