# Buckets, and the target file in one of them.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "watch"
}

run "a_bucket_is_closed_encrypted_versioned_and_speaks_tls_only" {
  module {
    source = "./modules/bucket"
  }

  variables {
    name = "watch-bucket"
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy &&
      aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    )
    error_message = "Nothing of it may become public, in none of four ways."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256" && aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "It is encrypted and keeps versions."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "Whoever does not speak TLS is refused."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false && length(aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration) == 0
    error_message = "Nothing in it goes by itself, nor with it."
  }
}

run "a_bucket_takes_a_key_ages_and_statements" {
  state_key = "bucket"

  module {
    source = "./modules/bucket"
  }

  variables {
    name            = "watch-bucket"
    kms_key_arn     = "arn:aws:kms:eu-west-1:111122223333:key/a"
    expire_days     = 90
    noncurrent_days = 365
    force_destroy   = true
    policy_statements = [
      { Sid = "Mine", Effect = "Allow", Principal = { Service = "delivery.logs.amazonaws.com" }, Action = "s3:PutObject", Resource = "arn:aws:s3:::watch-bucket/*" },
    ]
  }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement.Sid] == ["TlsOnly", "Mine"] && aws_s3_bucket.this.force_destroy && aws_s3_bucket_lifecycle_configuration.this.rule[0].noncurrent_version_expiration[0].noncurrent_days == 365
    error_message = "A statement is added to the one that asks for TLS; old versions stay a year; it goes with what is in it."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn && aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration[0].days == 90
    error_message = "It is encrypted with the key, and objects go after ninety days."
  }
}

run "a_bucket_has_a_name_that_s3_takes" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name = "ZW_bucket"
  }

  expect_failures = [var.name]
}

run "the_target_file_is_an_object_that_the_collector_is_told_of" {
  module {
    source = "./modules/targets"
  }

  variables {
    file = "../examples/targets.csv"
  }

  assert {
    condition     = length(aws_s3_object.file) == 1 && aws_s3_object.file[0].key == "targets.csv" && output.uri == "s3://${module.bucket.id}/targets.csv" && endswith(output.arn, "/targets.csv")
    error_message = "It is uploaded, and named both ways."
  }
}

run "a_target_file_may_be_somebody_else_s_to_upload" {
  command = plan

  module {
    source = "./modules/targets"
  }

  assert {
    condition     = length(aws_s3_object.file) == 0
    error_message = "Without a file nothing is uploaded."
  }
}

run "the_target_file_takes_a_name_a_key_and_an_end" {
  state_key = "named"

  module {
    source = "./modules/targets"
  }

  variables {
    file                = "../examples/targets.csv"
    key                 = "lists/sites.csv"
    kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/a"
    deletion_protection = false
  }

  assert {
    condition     = aws_s3_object.file[0].key == "lists/sites.csv" && endswith(output.uri, "/lists/sites.csv") && endswith(output.arn, "/lists/sites.csv")
    error_message = "It is where it was told to be."
  }
}

run "a_key_of_the_target_file_that_begins_with_a_slash_is_refused" {
  command = plan

  module {
    source = "./modules/targets"
  }

  variables {
    key = "/targets.csv"
  }

  expect_failures = [var.key]
}

run "a_key_of_the_target_file_that_no_url_can_hold_is_refused" {
  command = plan

  module {
    source = "./modules/targets"
  }

  variables {
    key = "my targets?.csv"
  }

  expect_failures = [var.key]
}
