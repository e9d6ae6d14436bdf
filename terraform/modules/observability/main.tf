# Who is told, and of what. Alarms come in two kinds: a target is down; and Zonewatch itself does not see.

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch cannot publish to a topic that AWS's own key encrypts: it takes a key of yours (kms_key_arn)
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  namespace  = "Zonewatch" # docs/cloudwatch.md
  deployment = { Deployment = var.name }

  alarms = {
    targets-down = {
      what      = "${var.thresholds.targets_down} or more targets are down", runbook = "targets-are-down"
      namespace = local.namespace, metric = "TargetsDown", dimensions = local.deployment
      statistic = "Maximum", operator = "GreaterThanOrEqualToThreshold", threshold = var.thresholds.targets_down, minutes = 2, missing = "missing"
    }
    targets-unknown = {
      what      = "${var.thresholds.targets_unknown} or more targets are unknown: nothing fresh is known of them", runbook = "zonewatch-is-blind"
      namespace = local.namespace, metric = "TargetsUnknown", dimensions = local.deployment
      statistic = "Maximum", operator = "GreaterThanOrEqualToThreshold", threshold = var.thresholds.targets_unknown, minutes = 15, missing = "missing"
    }
    coverage = {
      what      = "Less than ${var.thresholds.coverage} % of what was due was probed", runbook = "zonewatch-is-blind"
      namespace = local.namespace, metric = "Coverage", dimensions = local.deployment
      statistic = "Minimum", operator = "LessThanThreshold", threshold = var.thresholds.coverage, minutes = 15, missing = "missing"
    }
    collector-silent = {
      what      = "No collector has reported for five minutes", runbook = "leader-stuck"
      namespace = local.namespace, metric = "Coverage", dimensions = local.deployment
      statistic = "SampleCount", operator = "LessThanThreshold", threshold = 1, minutes = 5, missing = "breaching"
    }
    api-5xx = {
      what      = "The API answers with 5xx", runbook = "leader-stuck"
      namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = var.load_balancers.api
      statistic = "Sum", operator = "GreaterThanThreshold", threshold = 10, minutes = 5, missing = "notBreaching"
    }
    api-unhealthy = {
      what      = "No collector is healthy behind the API's load balancer", runbook = "leader-stuck"
      namespace = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = var.load_balancers.api
      statistic = "Minimum", operator = "LessThanThreshold", threshold = 1, minutes = 3, missing = "breaching"
    }
    agents-unhealthy = {
      what      = "No collector is healthy behind the agents' load balancer", runbook = "leader-stuck"
      namespace = "AWS/NetworkELB", metric = "HealthyHostCount", dimensions = var.load_balancers.agents
      statistic = "Minimum", operator = "LessThanThreshold", threshold = 1, minutes = 3, missing = "breaching"
    }
    store-throttled = {
      what      = "DynamoDB throttles writes of the log", runbook = "throttled-or-late"
      namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = { TableName = var.table_name }
      statistic = "Sum", operator = "GreaterThanThreshold", threshold = 0, minutes = 5, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.what}. ${var.runbook_url}#${each.value.runbook}"

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
