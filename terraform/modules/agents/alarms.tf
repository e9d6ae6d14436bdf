# A zone whose agents say nothing for five minutes: they report every minute, idle or not.

resource "aws_cloudwatch_metric_alarm" "silent" {
  for_each = var.subnet_ids

  alarm_name        = "${var.name}-silent-${each.key}"
  alarm_description = "No agent of ${each.key} reports. Its targets are with the other zones. ${var.runbook_url}#a-zone-is-lost"

  namespace           = local.namespace
  metric_name         = "ProbeUtilization"
  dimensions          = local.zone_dimensions[each.key]
  statistic           = "SampleCount"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
}
