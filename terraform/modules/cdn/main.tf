# Optional: the dashboard from a private bucket, behind CloudFront. What the page asks for goes through the same
# distribution to the API, so it is one origin to the browser: no CORS, and the page is the collector's own, unchanged.

locals {
  kinds = {
    html = "text/html; charset=utf-8"
    js   = "text/javascript; charset=utf-8"
    css  = "text/css; charset=utf-8"
    svg  = "image/svg+xml"
  }

  api_paths = ["/api/*", "/latest-summary", "/past-hour-summary", "/websites-status"]
}

module "bucket" {
  source = "../bucket"

  name          = "${var.name}-page-${data.aws_caller_identity.current.account_id}"
  force_destroy = true # It holds copies of files of this repository.

  policy_statements = [{
    Sid       = "ThisDistribution"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = "s3:GetObject" # what it serves
    Resource  = "arn:${data.aws_partition.current.partition}:s3:::${var.name}-page-${data.aws_caller_identity.current.account_id}/*"
    Condition = { StringEquals = { "aws:SourceArn" = aws_cloudfront_distribution.this.arn } }
  }]
}

resource "aws_s3_object" "page" {
  #checkov:skip=CKV_AWS_186:It is a public page: there is nothing to hide
  for_each = fileset(var.assets_path, "**/*.{${join(",", keys(local.kinds))}}")

  bucket        = module.bucket.name
  key           = each.key
  source        = "${var.assets_path}/${each.key}"
  source_hash   = filesha256("${var.assets_path}/${each.key}")
  content_type  = local.kinds[reverse(split(".", each.key))[0]]
  cache_control = "max-age=60"
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = "${var.name}-page"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_68:A web ACL is the caller's, and lives in us-east-1
  #checkov:skip=CKV2_AWS_47:A web ACL is the caller's, and lives in us-east-1
  #checkov:skip=CKV_AWS_86:The API's load balancer has access logs; the page itself is public
  #checkov:skip=CKV_AWS_174:Without a certificate of one's own CloudFront takes no other setting than its default
  #checkov:skip=CKV2_AWS_42:Without names of one's own there is CloudFront's certificate
  #checkov:skip=CKV_AWS_310:The API has one address
  #checkov:skip=CKV_AWS_374:Where one may look from is not a matter of countries here: the API asks for a token
  enabled             = true
  comment             = "${var.name}: dashboard"
  default_root_object = "index.html"
  is_ipv6_enabled     = true
  price_class         = "PriceClass_100"
  aliases             = var.alias == null ? [] : [var.alias.name]

  origin {
    origin_id                = "page"
    domain_name              = module.bucket.domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id   = "api"
    domain_name = var.api_host

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id           = "page"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = local.managed.cache
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.api_paths

    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = "api"
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = false # The collector compresses, and streams.
      cache_policy_id            = local.managed.no_cache
      origin_request_policy_id   = local.managed.all_but_host
      response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.alias == null
    acm_certificate_arn            = try(var.alias.certificate_arn, null)
    ssl_support_method             = var.alias == null ? null : "sni-only"
    minimum_protocol_version       = var.alias == null ? null : "TLSv1.2_2021"
  }
}

resource "aws_cloudfront_response_headers_policy" "this" {
  #checkov:skip=CKV_AWS_259:Of subdomains, and of browsers' preload lists, the owner of the domain decides
  name = "${var.name}-page"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    # As the collector serves the page.
    content_security_policy {
      content_security_policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
      override                = true
    }
  }
}

locals {
  # Policies of CloudFront's own: their ids are the same everywhere.
  managed = {
    cache        = "658327ea-f89d-4fab-a63d-7e88639e58f6" # Managed-CachingOptimized
    no_cache     = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" # Managed-CachingDisabled
    all_but_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac" # Managed-AllViewerExceptHostHeader
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
