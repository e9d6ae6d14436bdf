# Optional: who asked what. The network load balancer logs TLS connections only.

module "access_logs" {
  source = "../bucket"
  count  = var.access_log_days > 0 ? 1 : 0

  name            = local.access_logs_name
  expire_days     = var.access_log_days
  noncurrent_days = 1
  force_destroy   = !var.deletion_protection

  # Load balancers write with S3's own key only, so there is no kms_key_arn here.
  policy_statements = [
    {
      Sid       = "ApplicationLoadBalancer"
      Effect    = "Allow"
      Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
      Action    = "s3:PutObject" # its log
      Resource  = "${local.access_logs_arn}/api/AWSLogs/${data.aws_caller_identity.current.account_id}/*"
    },
    {
      Sid       = "NetworkLoadBalancer"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:PutObject" # its log
      Resource  = "${local.access_logs_arn}/agents/AWSLogs/${data.aws_caller_identity.current.account_id}/*"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    },
    {
      Sid       = "NetworkLoadBalancerLooks"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:GetBucketAcl" # before it writes at all
      Resource  = local.access_logs_arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    },
  ]
}

locals {
  access_logs_name = "${var.name}-access-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}"
  access_logs_arn  = "arn:${data.aws_partition.current.partition}:s3:::${local.access_logs_name}"
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}
