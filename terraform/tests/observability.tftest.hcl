# Who is told, and of what; the archive; the dashboard behind a CDN.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "watch"
  vantage     = "eu-west-1"
  zones       = ["eu-west-1a", "eu-west-1b"]
  table_name  = "watch"
  runbook_url = "https://ops.example.com/runbooks.md"
  load_balancers = {
    api    = { LoadBalancer = "app/watch/1", TargetGroup = "targetgroup/watch/1" }
    agents = { LoadBalancer = "net/watch/1", TargetGroup = "targetgroup/watch/2" }
  }
  log_group_names = { collector = "/zonewatch/watch-collector", agents = "/zonewatch/watch-agent" }
}

run "alarms_tell_of_targets_and_of_blindness_and_link_to_what_to_do" {
  module {
    source = "./modules/observability"
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["agents-unhealthy", "api-5xx", "api-unhealthy", "collector-silent", "coverage", "store-throttled", "targets-down", "targets-unknown"])
    error_message = "These alarms and no others."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : can(regex("https://ops\\.example\\.com/runbooks\\.md#[a-z-]+$", alarm.alarm_description)) && alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "Each ends in a link to its runbook, and tells the topic when it goes off and when it is over."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["collector-silent"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["targets-down"].threshold == 1 && aws_cloudwatch_metric_alarm.this["coverage"].threshold == 99 && aws_cloudwatch_metric_alarm.this["coverage"].dimensions == tomap({ Deployment = "watch" })
    error_message = "Silence of the collector is an alarm; thresholds and dimensions are those of docs/cloudwatch.md."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 8 && length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[3].properties.metrics) == 2
    error_message = "Eight graphs; the agents' have a line a zone."
  }

  assert {
    condition     = length(module.archive) == 0 && length(aws_kinesis_firehose_delivery_stream.archive) == 0 && length(aws_iam_role.archive) == 0 && output.archive_bucket == null && length(aws_sns_topic_subscription.email) == 0
    error_message = "No archive, and nobody is written to, unless asked for."
  }
}

run "logs_are_archived_and_alarms_mailed" {
  state_key = "archive"

  module {
    source = "./modules/observability"
  }

  variables {
    archive_days = 365
    emails       = ["on-call@example.com"]
    kms_key_arn  = "arn:aws:kms:eu-west-1:111122223333:key/a"
    thresholds   = { targets_down = 5 }
  }

  assert {
    condition     = toset([for filter in aws_cloudwatch_log_subscription_filter.archive : filter.log_group_name]) == toset(values(var.log_group_names)) && aws_kinesis_firehose_delivery_stream.archive[0].server_side_encryption[0].enabled && aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn
    error_message = "Both logs go into the stream; stream and topic are encrypted."
  }

  assert {
    condition     = toset(flatten([for policy in aws_iam_role_policy.archive : [for statement in jsondecode(policy.policy).Statement : statement.Action]])) == toset(["firehose:PutRecord", "firehose:PutRecordBatch", "kms:Decrypt", "kms:GenerateDataKey", "s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject"])
    error_message = "The two roles write, and read no log back."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 1 && aws_cloudwatch_metric_alarm.this["targets-down"].threshold == 5 && aws_cloudwatch_metric_alarm.this["targets-unknown"].threshold == 10
    error_message = "Mail goes out; a threshold that is not given stays."
  }
}

run "what_cannot_be_meant_is_refused" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    emails       = ["on-call"]
    thresholds   = { coverage = 101 }
    runbook_url  = "https://ops.example.com/runbooks.md#top"
    archive_days = 0.5
  }

  expect_failures = [var.emails, var.thresholds, var.runbook_url, var.archive_days]
}

run "the_other_ends_are_refused_too" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    thresholds   = { coverage = 0 }
    runbook_url  = "our wiki"
    archive_days = -1
  }

  expect_failures = [var.thresholds, var.runbook_url, var.archive_days]
}

run "an_alarm_that_would_always_go_off_is_refused" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    thresholds = { targets_down = 0 }
  }

  expect_failures = [var.thresholds]
}

run "so_is_one_of_no_unknown_target_at_all" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    thresholds = { targets_unknown = 0 }
  }

  expect_failures = [var.thresholds]
}

run "the_dashboard_is_private_in_its_bucket_and_one_origin_with_the_api" {
  state_key = "cdn"

  module {
    source = "./modules/cdn"
  }

  variables {
    api_host    = "watch.example.com"
    assets_path = "../collector/assets"
  }

  assert {
    condition     = contains(keys(aws_s3_object.page), "index.html") && alltrue([for object in aws_s3_object.page : strcontains(file("../collector/src/http/page.rs"), "\"${object.key}\"")])
    error_message = "The files that the collector serves, and no other."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.default_cache_behavior[0].target_origin_id == "page" && alltrue([for behavior in aws_cloudfront_distribution.this.ordered_cache_behavior : behavior.target_origin_id == "api" && behavior.viewer_protocol_policy == "https-only" && behavior.cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"])
    error_message = "Pages come from the bucket; the API is asked each time, over TLS."
  }

  assert {
    condition     = one([for origin in aws_cloudfront_distribution.this.origin : origin.custom_origin_config[0].origin_protocol_policy if origin.origin_id == "api"]) == "https-only" && aws_cloudfront_origin_access_control.this.signing_behavior == "always" && output.url == "https://a.cloudfront.net"
    error_message = "CloudFront speaks TLS to the API, and signs what it asks the bucket."
  }

  assert {
    condition     = strcontains(file("../collector/src/http/page.rs"), aws_cloudfront_response_headers_policy.this.security_headers_config[0].content_security_policy[0].content_security_policy)
    error_message = "The page may load what the collector lets it load."
  }
}

run "the_dashboard_takes_a_name" {
  command = plan

  module {
    source = "./modules/cdn"
  }

  variables {
    api_host    = "watch.example.com"
    assets_path = "../collector/assets"
    alias       = { name = "status.example.com", certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/a" }
  }

  assert {
    condition     = aws_cloudfront_distribution.this.aliases == toset(["status.example.com"]) && aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && output.url == "https://status.example.com"
    error_message = "Its name, its certificate, TLS 1.2 at least."
  }
}

run "a_certificate_of_a_region_that_cloudfront_does_not_look_into_is_refused" {
  command = plan

  module {
    source = "./modules/cdn"
  }

  variables {
    api_host    = "watch.example.com"
    assets_path = "../collector/assets"
    alias       = { name = "status.example.com", certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a" }
  }

  expect_failures = [var.alias]
}
