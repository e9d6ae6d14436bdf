# Optional: logs beyond their retention, in a bucket, for as long as archive_days says.

module "archive" {
  source = "../bucket"
  count  = var.archive_days > 0 ? 1 : 0

  name            = "${var.name}-logs-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}"
  kms_key_arn     = var.kms_key_arn
  expire_days     = var.archive_days
  noncurrent_days = 1
}

resource "aws_kinesis_firehose_delivery_stream" "archive" {
  #checkov:skip=CKV_AWS_241:A key of one's own is the caller's choice (kms_key_arn)
  count = var.archive_days > 0 ? 1 : 0

  name        = "${var.name}-logs"
  destination = "extended_s3"

  server_side_encryption {
    enabled  = true
    key_type = var.kms_key_arn == null ? "AWS_OWNED_CMK" : "CUSTOMER_MANAGED_CMK"
    key_arn  = var.kms_key_arn
  }

  extended_s3_configuration {
    bucket_arn          = module.archive[0].arn
    role_arn            = aws_iam_role.archive["firehose"].arn
    prefix              = "logs/!{timestamp:yyyy/MM/dd}/"
    error_output_prefix = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
    buffering_size      = 64
    buffering_interval  = 900
    compression_format  = "UNCOMPRESSED" # CloudWatch hands logs over compressed already.
  }

  depends_on = [aws_iam_role_policy.archive]
}

resource "aws_cloudwatch_log_subscription_filter" "archive" {
  for_each = var.archive_days > 0 ? var.log_group_names : {}

  name            = "${var.name}-archive"
  log_group_name  = each.value
  filter_pattern  = "" # everything
  destination_arn = aws_kinesis_firehose_delivery_stream.archive[0].arn
  role_arn        = aws_iam_role.archive["logs"].arn

  depends_on = [aws_iam_role_policy.archive]
}

locals {
  # CloudWatch writes to the stream, the stream to the bucket, each with a role that can do that and nothing else.
  archive_roles = var.archive_days == 0 ? {} : {
    logs = {
      service = "logs.amazonaws.com"
      actions = [
        "firehose:PutRecord",      # what a subscription sends
        "firehose:PutRecordBatch", # the same, when there is much
      ]
      resource = ["arn:${data.aws_partition.current.partition}:firehose:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:deliverystream/${var.name}-logs"]
    }
    firehose = {
      service = "firehose.amazonaws.com"
      actions = [
        "s3:PutObject",                  # an archived file
        "s3:AbortMultipartUpload",       # one that broke off
        "s3:ListBucketMultipartUploads", # those that broke off
        "s3:GetBucketLocation",          # where the bucket is
        "s3:ListBucket",                 # that it is there
      ]
      resource = [module.archive[0].arn, "${module.archive[0].arn}/*"]
    }
  }

  archive_key_statements = var.kms_key_arn == null ? [] : [{
    Sid    = "Encrypt"
    Effect = "Allow"
    Action = [
      "kms:Decrypt",         # what is in the stream
      "kms:GenerateDataKey", # what goes into the stream and the bucket
    ]
    Resource = [var.kms_key_arn]
  }]
}

resource "aws_iam_role" "archive" {
  for_each = local.archive_roles

  name = "${var.name}-archive-${each.key}-${data.aws_region.current.id}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = each.value.service }
      Action    = "sts:AssumeRole" # the service, to do its part
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "archive" {
  for_each = local.archive_roles

  name = "archive"
  role = aws_iam_role.archive[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid      = "Write"
      Effect   = "Allow"
      Action   = each.value.actions
      Resource = each.value.resource
    }], local.archive_key_statements)
  })
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
