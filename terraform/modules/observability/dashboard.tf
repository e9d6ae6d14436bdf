# One page of CloudWatch: what the targets do, and whether Zonewatch sees it.

locals {
  graphs = [
    { title = "Targets that are not up", metrics = [[local.namespace, "TargetsDown", "Deployment", var.name], [local.namespace, "TargetsPartial", "Deployment", var.name], [local.namespace, "TargetsUnknown", "Deployment", var.name]] },
    { title = "Coverage: of what was due, what was probed, in percent", metrics = [[local.namespace, "Coverage", "Deployment", var.name]] },
    { title = "Probes missed", metrics = [[local.namespace, "SlotsMissed", "Deployment", var.name]] },
    { title = "Agents: how busy, in percent of their probes at once", metrics = [for zone in var.zones : [local.namespace, "ProbeUtilization", "Deployment", var.name, "Vantage", var.vantage, "Zone", zone]] },
    { title = "Agents: how late probes start, in seconds", metrics = [for zone in var.zones : [local.namespace, "StartLatenessSeconds", "Deployment", var.name, "Vantage", var.vantage, "Zone", zone]] },
    { title = "The store: units written and read a minute", metrics = [for metric in ["ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits"] : ["AWS/DynamoDB", metric, "TableName", var.table_name, { stat = "Sum" }]] },
    { title = "The API: answers by class", metrics = [for class in ["2XX", "4XX", "5XX"] : concat(["AWS/ApplicationELB", "HTTPCode_Target_${class}_Count"], flatten([for name in ["LoadBalancer", "TargetGroup"] : [name, var.load_balancers.api[name]]]), [{ stat = "Sum" }])] },
    { title = "Collectors that are healthy", metrics = [concat(["AWS/NetworkELB", "HealthyHostCount"], flatten([for name in ["LoadBalancer", "TargetGroup"] : [name, var.load_balancers.agents[name]]]))] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for index, graph in local.graphs : {
      type   = "metric"
      x      = index % 2 * 12
      y      = floor(index / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = graph.title
        region  = data.aws_region.current.id
        view    = "timeSeries"
        period  = 60
        stat    = "Maximum"
        metrics = graph.metrics
      }
    }]
  })
}

data "aws_region" "current" {}
