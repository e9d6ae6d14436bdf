# The collector: one task, or two of which one leads and the other stands by in another zone.

module "task" {
  source = "../task"

  name               = "${var.name}-collector"
  container          = "collector"
  image              = var.image
  cpu                = var.cpu
  memory_mib         = var.memory_mib
  cpu_architecture   = var.cpu_architecture
  ports              = [8080, 50051]
  task_role_arn      = aws_iam_role.task.arn
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  start_seconds      = 120 # It reads its log first.

  environment = merge(
    {
      ZONEWATCH_TARGETS         = var.targets.uri
      ZONEWATCH_STORE           = local.store
      ZONEWATCH_HTTP_LISTEN     = "0.0.0.0:8080"
      ZONEWATCH_GRPC_LISTEN     = "0.0.0.0:50051"
      ZONEWATCH_ALLOW_PLAINTEXT = "true" # TLS ends at the load balancer, or the VPC is the network.
      ZONEWATCH_VANTAGES        = join(",", var.vantages)
      ZONEWATCH_INTERVAL        = var.interval
      ZONEWATCH_TIMEOUT         = var.timeout
      ZONEWATCH_LOG_FORMAT      = "json"
      ZONEWATCH_EMF             = "true"
      ZONEWATCH_DEPLOYMENT      = var.name
    },
    local.alertmanager_environment,
    var.environment,
  )

  secret_arns = merge(
    { ZONEWATCH_AGENT_TOKEN = var.agent_token_secret_arn },
    var.api_token_secret_arn == null ? {} : { ZONEWATCH_API_TOKEN = var.api_token_secret_arn },
    local.notification_secrets,
    var.target_secret_arns,
  )
}

locals {
  role_parameter = var.table.role_arn == null ? "" : "&role_arn=${var.table.role_arn}"
  store          = "dynamodb://${var.table.name}?region=${var.table.region}${local.role_parameter}"
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Container Insights costs more than the tasks of a small installation; the programs report their own metrics
  name = "${var.name}-collector"

  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_ecs_service" "this" {
  #checkov:skip=CKV_AWS_333:Only where there is no NAT gateway (assign_public_ip), and the security group lets in load balancers alone
  name            = "collector"
  cluster         = aws_ecs_cluster.this.id
  task_definition = module.task.task_definition_arn
  launch_type     = "FARGATE"
  desired_count   = var.standby ? 2 : 1

  # The new task is ready before the old one goes. Two at once do no harm: the lease says which of them leads.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 120
  availability_zone_rebalancing      = "ENABLED"
  wait_for_steady_state              = var.wait_for_steady_state
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = var.assign_public_ip
  }

  load_balancer {
    target_group_arn = var.api_target_group_arn
    container_name   = "collector"
    container_port   = 8080
  }

  load_balancer {
    target_group_arn = var.agents_target_group_arn
    container_name   = "collector"
    container_port   = 50051
  }

  # A task that may not read its table yet would fail, and the circuit breaker would count that.
  depends_on = [aws_iam_role_policy.task]
}
