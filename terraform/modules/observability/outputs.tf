output "topic_arn" {
  description = "Where alarms go: subscribe a pager or a chat here."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_arns" {
  description = "The alarms, by name."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.arn }
}

output "dashboard_name" {
  description = "The dashboard in CloudWatch."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "archive_bucket" {
  description = "Where logs are archived; null without an archive."
  value       = one(module.archive[*].id)
}
