# A task definition as Zonewatch's programs should run: not as root, nothing writable, no capabilities, secrets from
# Secrets Manager, logs with an end. What a task may do beyond that is the caller's (task_role_arn).

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long is the caller's decision (log_retention_days)
  #checkov:skip=CKV_AWS_158:A key of one's own is the caller's choice (kms_key_arn)
  name              = "/zonewatch/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_249:The execution role pulls and logs; what the program itself may do is task_role_arn, and agents have none
  #checkov:skip=CKV_AWS_336:readonlyRootFilesystem is set; checkov does not see through jsonencode with merge
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mib
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = var.task_role_arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  container_definitions = jsonencode([{
    name                   = var.container
    image                  = var.image
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = 120 # Fargate's most. The programs drain within 25 s; the rest is for a slow host.
    environment            = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets                = [for name in sort(keys(var.secret_arns)) : { name = name, valueFrom = var.secret_arns[name] }]
    portMappings           = [for port in var.ports : { containerPort = port, hostPort = port, protocol = "tcp" }]
    mountPoints            = []
    volumesFrom            = []
    systemControls         = []
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] }, initProcessEnabled = false }

    # The images have no shell: CMD, not CMD-SHELL. ECS looks at this one, not at the image's.
    healthCheck = {
      command     = ["CMD", "/usr/local/bin/zonewatch-${var.container}", "healthcheck"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = var.start_seconds
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.id
        awslogs-stream-prefix = var.container
        mode                  = "non-blocking" # A slow log must not stop a probe.
        max-buffer-size       = "4m"
      }
    }
  }])
}

data "aws_region" "current" {}
