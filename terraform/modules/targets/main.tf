# The target file as an object of a bucket. Its old versions are kept: a bad one is undone by putting the last one back.

module "bucket" {
  source = "../bucket"

  name          = "${var.name}-targets-${data.aws_caller_identity.current.account_id}"
  kms_key_arn   = var.kms_key_arn
  force_destroy = !var.deletion_protection
}

resource "aws_s3_object" "file" {
  #checkov:skip=CKV_AWS_186:It is encrypted as the bucket is, by kms_key_arn if there is one
  count = var.file == null ? 0 : 1

  bucket       = module.bucket.id
  key          = var.key
  source       = var.file
  source_hash  = filesha256(var.file)
  content_type = "text/csv; charset=utf-8"
}

data "aws_caller_identity" "current" {}
