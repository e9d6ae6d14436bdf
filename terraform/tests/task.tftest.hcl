# How a program runs, and what ECS may do to start it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name             = "watch-agent"
  container        = "agent"
  image            = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/watch-agent:0.1.0"
  cpu              = 256
  memory_mib       = 512
  cpu_architecture = "ARM64"
  environment      = { ZONEWATCH_EMF = "true" }
}

run "a_task_is_not_root_writes_nothing_and_has_no_role" {
  module {
    source = "./modules/task"
  }

  assert {
    condition     = aws_ecs_task_definition.this.task_role_arn == null
    error_message = "Without a task role there are no credentials at the metadata endpoint."
  }

  assert {
    condition     = jsondecode(output.container_definitions)[0].readonlyRootFilesystem && jsondecode(output.container_definitions)[0].user == "10001:10001" && jsondecode(output.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"]
    error_message = "It runs as a user of its own, on a read-only root, without capabilities."
  }

  assert {
    condition     = jsondecode(output.container_definitions)[0].stopTimeout == 120 && jsondecode(output.container_definitions)[0].healthCheck.command == ["CMD", "/usr/local/bin/zonewatch-agent", "healthcheck"]
    error_message = "It has time to drain, and is asked whether it lives without a shell."
  }

  assert {
    condition     = aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64" && aws_cloudwatch_log_group.this.retention_in_days == 30 && aws_cloudwatch_log_group.this.kms_key_id == null
    error_message = "The architecture of the image; logs for thirty days."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Sid] == ["Login", "Pull", "Log"] && jsondecode(aws_iam_role_policy.execution.policy).Statement[1].Resource == "arn:aws:ecr:eu-west-1:111122223333:repository/watch-agent"
    error_message = "ECS logs in, pulls this one image, and writes this one log."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")]) && (statement.Resource != "*" || statement.Action == ["ecr:GetAuthorizationToken"])])
    error_message = "No action is a pattern, and only the one action that has no resource has none."
  }

  assert {
    condition     = jsondecode(aws_iam_role.execution.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "Only tasks of this account take the role."
  }
}

run "a_task_takes_secrets_a_key_and_an_image_of_another_registry" {
  module {
    source = "./modules/task"
  }

  variables {
    image         = "ghcr.io/zonewatch/agent@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    secret_arns   = { ZONEWATCH_TOKEN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf" }
    kms_key_arn   = "arn:aws:kms:eu-west-1:111122223333:key/a"
    task_role_arn = "arn:aws:iam::111122223333:role/a"
    ports         = [8080]

    start_seconds      = 120
    log_retention_days = 3653
  }

  assert {
    condition     = jsondecode(output.container_definitions)[0].healthCheck.startPeriod == 120 && aws_cloudwatch_log_group.this.retention_in_days == 3653
    error_message = "It has two minutes to start; its log is kept ten years."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Sid] == ["Secrets", "DecryptSecrets", "Log"] && toset(jsondecode(aws_iam_role_policy.execution.policy).Statement[0].Resource) == toset(values(var.secret_arns))
    error_message = "ECS reads these secrets and no others; an image from elsewhere needs no right."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn && aws_ecs_task_definition.this.task_role_arn == var.task_role_arn && jsondecode(output.container_definitions)[0].portMappings[0].containerPort == 8080
    error_message = "Logs are encrypted with the key; role and port are the caller's."
  }
}

run "what_cannot_be_meant_is_refused" {
  command = plan

  module {
    source = "./modules/task"
  }

  variables {
    container          = "proxy"
    image              = "watch-agent:latest"
    memory_mib         = 100
    cpu_architecture   = "RISC-V"
    environment        = { ZONEWATCH_TOKEN = "hunter2" }
    log_retention_days = 10
  }

  expect_failures = [var.container, var.image, var.memory_mib, var.cpu_architecture, var.environment, var.log_retention_days]
}

run "the_other_ends_are_refused_too" {
  command = plan

  module {
    source = "./modules/task"
  }

  variables {
    cpu         = 512
    memory_mib  = 8192
    image       = "registry.example.com/watch-agent:latest"
    environment = { ZONEWATCH_WEBHOOK = "https://hooks.example.com/T0/B0" } # whoever has it may write there
  }

  expect_failures = [var.memory_mib, var.image, var.environment]
}

run "what_fargate_does_not_sell_is_refused" {
  command = plan

  module {
    source = "./modules/task"
  }

  variables {
    cpu   = 300
    image = "watch-agent@sha256:0123" # a digest is longer
  }

  expect_failures = [var.cpu, var.image]
}
