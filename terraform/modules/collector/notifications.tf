# Who is told of incidents, besides the alarms: docs/incidents.md. Addresses of webhooks and heartbeats are secrets.

locals {
  notification_secrets = {
    for name, arn in {
      ZONEWATCH_WEBHOOK        = var.notifications.webhooks_secret_arn
      ZONEWATCH_WEBHOOK_SECRET = var.notifications.webhook_signing_secret_arn
      ZONEWATCH_HEARTBEAT      = var.notifications.heartbeat_secret_arn
    } : name => arn if arn != null
  }

  alertmanagers = var.notifications.alertmanagers == null ? [] : sort(var.notifications.alertmanagers.urls)

  alertmanager_environment = length(local.alertmanagers) == 0 ? {} : { ZONEWATCH_ALERTMANAGER = join(",", local.alertmanagers) }

  # 443 is open anyhow.
  alertmanager_ports = setsubtract(
    [for url in local.alertmanagers : try(regex("^https?://[^/]+:([0-9]+)", url)[0], startswith(url, "https://") ? "443" : "80")],
    ["443"],
  )
}

resource "aws_vpc_security_group_egress_rule" "alertmanagers" {
  for_each = local.alertmanager_ports

  security_group_id = aws_security_group.this.id
  description       = "Alerts, to Alertmanagers"
  cidr_ipv4         = var.notifications.alertmanagers.cidr
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}
