variable "name" {
  description = "Name of the task's family, and prefix of its log group and role."
  type        = string
}

variable "container" {
  description = "Which program: collector or agent."
  type        = string

  validation {
    condition     = contains(["collector", "agent"], var.container)
    error_message = "container must be collector or agent."
  }
}

variable "image" {
  description = "The image, by digest or by a tag that never moves."
  type        = string

  validation {
    condition     = can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.image)) || (can(regex("/[^/]+:[A-Za-z0-9_][A-Za-z0-9_.-]*$", var.image)) && !endswith(var.image, ":latest"))
    error_message = "An image must be named by digest (…@sha256:…) or by a tag other than latest: what runs must not change by itself."
  }
}

variable "cpu" {
  description = "CPU units: 1024 are one processor."
  type        = number

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048, 4096, 8192 or 16384: Fargate sells nothing else."
  }
}

variable "memory_mib" {
  description = "Memory in MiB."
  type        = number

  validation {
    condition     = var.memory_mib >= var.cpu * 2 && var.memory_mib <= (var.cpu == 256 ? 2048 : var.cpu * 8)
    error_message = "memory_mib must be 2 to 8 times cpu (512 to 2048 with cpu = 256): Fargate sells nothing else."
  }
}

variable "cpu_architecture" {
  description = "ARM64 or X86_64: what the image is built for."
  type        = string

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "cpu_architecture must be ARM64 or X86_64."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.environment) : !can(regex("(TOKEN|PASSWORD|SECRET|WEBHOOK|HEARTBEAT)$", name))])
    error_message = "A token, password, secret, webhook or heartbeat does not belong into environment, where everyone who may describe tasks reads it: use secret_arns."
  }
}

variable "secret_arns" {
  description = "Environment variables that are filled from Secrets Manager: name to ARN."
  type        = map(string)
  default     = {}
}

variable "ports" {
  description = "Ports that the program listens on."
  type        = list(number)
  default     = []
}

variable "start_seconds" {
  description = "How long it may take to start before it counts as unhealthy."
  type        = number
  default     = 60
}

variable "task_role_arn" {
  description = "What the program may do in AWS. Null: nothing, and there are no credentials to steal."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "kms_key_arn" {
  description = "Key that logs are encrypted with and secrets are decrypted with. Null: AWS's own."
  type        = string
  default     = null
}
