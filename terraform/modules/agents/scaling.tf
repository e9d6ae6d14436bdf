# More agents in a zone when its agents are busy, by what they say themselves and by CPU; and when probes start late.

locals {
  scaled_zones = { for zone, target in aws_appautoscaling_target.zone : zone => target if var.per_zone.max > var.per_zone.min }

  # As the agents report them: docs/cloudwatch.md.
  namespace       = "Zonewatch"
  zone_dimensions = { for zone in keys(var.subnet_ids) : zone => { Deployment = var.name, Vantage = local.vantage, Zone = zone } }
  vantage         = coalesce(var.vantage, data.aws_region.current.id)
}

# Even where nothing scales: a service ignores its desired_count after it was made, and this is what holds it.
resource "aws_appautoscaling_target" "zone" {
  for_each = var.subnet_ids

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.zone[each.key].name}"
  min_capacity       = var.per_zone.min
  max_capacity       = var.per_zone.max
}

resource "aws_appautoscaling_policy" "utilization" {
  for_each = local.scaled_zones

  name               = "probe-utilization"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60 # percent of its probes at once: the rest is for what a lost zone brings
    scale_out_cooldown = 120
    scale_in_cooldown  = 900

    customized_metric_specification {
      namespace   = local.namespace
      metric_name = "ProbeUtilization"
      statistic   = "Average"

      dynamic "dimensions" {
        for_each = local.zone_dimensions[each.key]

        content {
          name  = dimensions.key
          value = dimensions.value
        }
      }
    }
  }
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = local.scaled_zones

  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 65
    scale_out_cooldown = 120
    scale_in_cooldown  = 900

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "late" {
  for_each = local.scaled_zones

  name               = "late"
  policy_type        = "StepScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  step_scaling_policy_configuration {
    adjustment_type          = "PercentChangeInCapacity"
    min_adjustment_magnitude = 1
    cooldown                 = 300
    metric_aggregation_type  = "Maximum"

    step_adjustment {
      metric_interval_lower_bound = 0
      scaling_adjustment          = 50
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "late" {
  for_each = aws_appautoscaling_policy.late

  alarm_name        = "${var.name}-late-${each.key}"
  alarm_description = "Probes of ${each.key} start late: half as many agents again. ${var.runbook_url}#throttled-or-late"

  namespace           = local.namespace
  metric_name         = "StartLatenessSeconds"
  dimensions          = local.zone_dimensions[each.key]
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 30
  period              = 60
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([each.value.arn], var.alarm_actions)
}

data "aws_region" "current" {}
