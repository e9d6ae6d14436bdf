# What outlives every task: buckets, the target file, the table, the registry.

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

run "a_bucket_takes_a_key_and_an_age" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name        = "watch-bucket"
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/a"
    expire_days = 90
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

run "the_table_is_protected_and_restored_to_any_second" {
  module {
    source = "./modules/storage"
  }

  assert {
    condition     = aws_dynamodb_table.log.deletion_protection_enabled && aws_dynamodb_table.log.point_in_time_recovery[0].enabled && aws_dynamodb_table.log.point_in_time_recovery[0].recovery_period_in_days == 35
    error_message = "It refuses to be deleted, and goes back to any second of five weeks."
  }

  assert {
    condition     = aws_dynamodb_table.log.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.log.hash_key == "pk" && aws_dynamodb_table.log.range_key == "sk" && alltrue([for attribute in aws_dynamodb_table.log.attribute : attribute.type == "S"])
    error_message = "On demand; keys as the collector writes them: strings pk and sk."
  }

  assert {
    condition     = aws_dynamodb_table.log.ttl[0].enabled && aws_dynamodb_table.log.ttl[0].attribute_name == "ttl"
    error_message = "What has outlived its time goes by itself."
  }

  assert {
    condition     = length(aws_dynamodb_table.log.on_demand_throughput) == 0 && length(aws_iam_role.store) == 0 && output.role_arn == null
    error_message = "No bound on the bill and no other account's collector unless asked for."
  }

  assert {
    condition     = !contains(output.table_statement.Action, "dynamodb:Scan") && alltrue([for action in output.table_statement.Action : can(regex("^dynamodb:[A-Z][A-Za-z]+$", action))]) && output.table_statement.Resource == aws_dynamodb_table.log.arn
    error_message = "A collector may use this table action by action; it never scans."
  }

  assert {
    condition     = length([for action in output.table_statement.Action : action if can(regex("(Table|TimeToLive|Backups?)$", action)) && action != "dynamodb:DescribeTable"]) == 0
    error_message = "A collector cannot change or delete the table itself."
  }
}

run "the_table_takes_a_key_a_bound_and_a_collector_of_another_account" {
  module {
    source = "./modules/storage"
  }

  variables {
    kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/a"
    max_request_units   = 2000
    trusted_role_arns   = ["arn:aws:iam::444455556666:role/watch-collector-eu-west-1"]
    deletion_protection = false
  }

  assert {
    condition     = aws_dynamodb_table.log.server_side_encryption[0].enabled && aws_dynamodb_table.log.server_side_encryption[0].kms_key_arn == var.kms_key_arn && !aws_dynamodb_table.log.deletion_protection_enabled
    error_message = "It is encrypted with the key; protection is off when asked for."
  }

  assert {
    condition     = aws_dynamodb_table.log.on_demand_throughput[0].max_write_request_units == 2000 && aws_dynamodb_table.log.on_demand_throughput[0].max_read_request_units == 2000
    error_message = "Reads and writes are bounded."
  }

  assert {
    condition     = jsondecode(aws_iam_role.store[0].assume_role_policy).Statement[0].Principal.AWS[0] == var.trusted_role_arns[0] && jsondecode(aws_iam_role_policy.store[0].policy).Statement[0].Resource == aws_dynamodb_table.log.arn
    error_message = "The named role and no other may take the role that uses the table."
  }
}

run "a_recovery_and_a_name_that_dynamodb_does_not_take_are_refused" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    name          = "zw"
    recovery_days = 36
  }

  expect_failures = [var.name, var.recovery_days]
}

run "a_tag_never_moves_and_old_images_go" {
  module {
    source = "./modules/registry"
  }

  assert {
    condition     = toset([for repository in aws_ecr_repository.this : repository.name]) == toset(["watch-collector", "watch-agent"]) && alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push && !repository.force_delete && repository.encryption_configuration[0].encryption_type == "AES256"])
    error_message = "Two repositories: immutable, scanned, encrypted, not deleted with images in them."
  }

  assert {
    condition     = alltrue([for policy in aws_ecr_lifecycle_policy.this : [for rule in jsondecode(policy.policy).rules : rule.selection.tagStatus] == ["untagged", "any"]])
    error_message = "Untagged images go after a week, others when there are too many; a rule for any image has to be the last."
  }

  assert {
    condition     = length(aws_ecr_repository_policy.pull) == 0 && length(aws_ecr_replication_configuration.this) == 0
    error_message = "No other account and no other region unless asked for."
  }
}

run "images_are_pulled_by_other_accounts_and_copied_to_other_regions" {
  module {
    source = "./modules/registry"
  }

  variables {
    pull_account_ids = ["444455556666"]
    replica_regions  = ["us-east-1"]
    kms_key_arn      = "arn:aws:kms:eu-west-1:111122223333:key/a"
  }

  assert {
    condition     = alltrue([for policy in aws_ecr_repository_policy.pull : jsondecode(policy.policy).Statement[0].Principal.AWS == ["arn:aws:iam::444455556666:root"] && toset(jsondecode(policy.policy).Statement[0].Action) == toset(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])])
    error_message = "The other account pulls, and does nothing else."
  }

  assert {
    condition     = one(one(one(aws_ecr_replication_configuration.this[0].replication_configuration).rule).destination).region == "us-east-1" && alltrue([for repository in aws_ecr_repository.this : repository.encryption_configuration[0].kms_key == var.kms_key_arn])
    error_message = "Images are copied, and encrypted with the key."
  }
}

run "too_few_images_and_what_is_no_account_are_refused" {
  command = plan

  module {
    source = "./modules/registry"
  }

  variables {
    keep_images      = 2
    pull_account_ids = ["4444-5555-6666"]
  }

  expect_failures = [var.keep_images, var.pull_account_ids]
}
