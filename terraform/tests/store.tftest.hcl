# What outlives every task: the table and the registry.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "watch"
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
    recovery_days       = 7
    trusted_role_arns   = ["arn:aws:iam::444455556666:role/watch-collector-eu-west-1"]
    deletion_protection = false
  }

  assert {
    condition     = aws_dynamodb_table.log.server_side_encryption[0].enabled && aws_dynamodb_table.log.server_side_encryption[0].kms_key_arn == var.kms_key_arn && !aws_dynamodb_table.log.deletion_protection_enabled
    error_message = "It is encrypted with the key; protection is off when asked for."
  }

  assert {
    condition     = aws_dynamodb_table.log.on_demand_throughput[0].max_write_request_units == 2000 && aws_dynamodb_table.log.on_demand_throughput[0].max_read_request_units == 2000 && aws_dynamodb_table.log.point_in_time_recovery[0].recovery_period_in_days == 7
    error_message = "Reads and writes are bounded; a week can be gone back."
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

run "no_recovery_at_all_is_refused" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    recovery_days = 0
  }

  expect_failures = [var.recovery_days]
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
    keep_images      = 20
    force_delete     = true
  }

  assert {
    condition     = alltrue([for policy in aws_ecr_lifecycle_policy.this : jsondecode(policy.policy).rules[1].selection.countNumber == 20]) && alltrue([for repository in aws_ecr_repository.this : repository.force_delete])
    error_message = "Twenty of each; they go with what is in them."
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
