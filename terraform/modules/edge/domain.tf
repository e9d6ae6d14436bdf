# Optional: names and a certificate. NAME is the API and the dashboard, agents.NAME is where agents go.

locals {
  makes_certificate = try(var.domain.certificate_arn, "") == null
  certificate_arn   = local.makes_certificate ? one(aws_acm_certificate_validation.this[*].certificate_arn) : try(var.domain.certificate_arn, null)

  names = local.has_tls ? {
    api    = { name = var.domain.name, target = aws_lb.api }
    agents = { name = "agents.${var.domain.name}", target = aws_lb.agents }
  } : {}
}

resource "aws_acm_certificate" "this" {
  count = local.makes_certificate ? 1 : 0

  domain_name               = var.domain.name
  subject_alternative_names = ["agents.${var.domain.name}"]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  # By names that are known before the certificate is there.
  for_each = local.makes_certificate ? toset([var.domain.name, "agents.${var.domain.name}"]) : toset([])

  zone_id         = var.domain.zone_id
  name            = one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_value if option.domain_name == each.key]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = local.makes_certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_route53_record" "this" {
  for_each = local.names

  zone_id = var.domain.zone_id
  name    = each.value.name
  type    = "A"

  alias {
    name                   = each.value.target.dns_name
    zone_id                = each.value.target.zone_id
    evaluate_target_health = true
  }
}
