# The agents of one region: a service a zone, so that they are spread evenly by construction, and a zone that is lost takes
# its own agents and no others. They dial out; nothing dials in; they have no rights in AWS.

module "task" {
  source = "../task"

  name               = "${var.name}-agent"
  container          = "agent"
  image              = var.image
  cpu                = var.cpu
  memory_mib         = var.memory_mib
  cpu_architecture   = var.cpu_architecture
  task_role_arn      = null # What a probe might be talked into asking the metadata endpoint for is not there.
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn

  environment = merge(
    {
      # Vantage (the region, unless it is named), zone and id are read from the task's metadata.
      ZONEWATCH_COLLECTOR    = "${var.collector.tls ? "https" : "http"}://${var.collector.host}:${var.collector.port}"
      ZONEWATCH_CONCURRENCY  = tostring(var.concurrency)
      ZONEWATCH_DENY_PRIVATE = tostring(var.deny_private)
      ZONEWATCH_LOG_FORMAT   = "json"
      ZONEWATCH_EMF          = "true"
      ZONEWATCH_DEPLOYMENT   = var.name
    },
    var.collector.tls ? {} : { ZONEWATCH_ALLOW_PLAINTEXT = "true" }, # The VPC is the network.
    var.vantage == null ? {} : { ZONEWATCH_VANTAGE = var.vantage },
    length(var.allow_networks) == 0 ? {} : { ZONEWATCH_ALLOW_NETWORK = join(",", var.allow_networks) },
    var.environment,
  )

  secret_arns = { ZONEWATCH_TOKEN = var.token_secret_arn }
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Container Insights costs more than the tasks of a small installation; the programs report their own metrics
  name = "${var.name}-agents"

  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_ecs_service" "zone" {
  #checkov:skip=CKV_AWS_333:Only if assign_public_ip, the saving of the NAT gateways; the security group lets nobody in
  for_each = var.subnet_ids

  name            = "agent-${each.key}"
  cluster         = aws_ecs_cluster.this.id
  task_definition = module.task.task_definition_arn
  launch_type     = "FARGATE"
  desired_count   = var.per_zone.min

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  availability_zone_rebalancing      = "DISABLED" # It has one zone.
  wait_for_steady_state              = var.wait_for_steady_state
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [each.value]
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = var.assign_public_ip
  }

  lifecycle {
    ignore_changes = [desired_count] # Scaling sets it.
  }
}
