variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets to run in: private ones, unless assign_public_ip."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Whether tasks have a public address: needed in public subnets, where there is no NAT gateway."
  type        = bool
  default     = false
}

variable "security_group_ids" {
  description = "Security groups of the load balancers before it."
  type        = object({ api = string, agents = string })
}

variable "api_target_group_arn" {
  description = "Target group of the API, port 8080."
  type        = string
}

variable "agents_target_group_arn" {
  description = "Target group of the agents, port 50051."
  type        = string
}

variable "image" {
  description = "The collector's image, by digest or by a tag that never moves."
  type        = string
}

variable "cpu" {
  description = "CPU units of a task: 1024 are one processor."
  type        = number
  default     = 512
}

variable "memory_mib" {
  description = "Memory of a task in MiB."
  type        = number
  default     = 1024
}

variable "cpu_architecture" {
  description = "ARM64 or X86_64."
  type        = string
  default     = "ARM64"
}

variable "standby" {
  description = "Whether a second collector stands by: it takes over within half a minute when the first one dies."
  type        = bool
  default     = true
}

variable "targets" {
  description = "The target file: s3://bucket/key or an https:// URL, and the object's ARN if it is one."
  type        = object({ uri = string, arn = optional(string) })

  validation {
    condition     = can(regex("^(s3|https)://", var.targets.uri))
    error_message = "targets.uri must begin with s3:// or https://: a task has no files."
  }

  validation {
    condition     = startswith(var.targets.uri, "https://") || var.targets.arn != null
    error_message = "targets.arn is missing: without it the collector may not read the object."
  }
}

variable "table" {
  description = "The table of the log: its policy statement, or, in another account, the role there that may use it."
  type = object({
    name      = string
    region    = string
    role_arn  = optional(string)
    statement = optional(any)
  })

  validation {
    condition     = (var.table.role_arn == null) != (var.table.statement == null)
    error_message = "table needs either a statement (the same account) or a role_arn (another one)."
  }
}

variable "vantages" {
  description = "The vantages there are: the regions that agents run in."
  type        = list(string)

  validation {
    condition     = length(var.vantages) > 0 && length(distinct(var.vantages)) == length(var.vantages) && alltrue([for name in var.vantages : can(regex("^[^,|\\s]+$", name))])
    error_message = "vantages must be different names without commas, bars and spaces, at least one."
  }
}

variable "interval" {
  description = "How often a target is probed unless its row says otherwise, such as 10m."
  type        = string
  default     = "10m"

  validation {
    condition     = can(regex("^[0-9]+(s|m|h)$", var.interval))
    error_message = "interval must be a number and a unit: 30s, 10m, 1h."
  }
}

variable "timeout" {
  description = "How long a probe may take unless its row says otherwise, such as 10s."
  type        = string
  default     = "10s"

  validation {
    condition     = can(regex("^[0-9]+(ms|s|m)$", var.timeout))
    error_message = "timeout must be a number and a unit: 500ms, 10s, 1m."
  }
}

variable "environment" {
  description = "More options, as ZONEWATCH_ variables: see docs/options.md."
  type        = map(string)
  default     = {}
}

variable "agent_token_secret_arn" {
  description = "Secret with the tokens that agents may show, one a line; two while one replaces the other."
  type        = string
}

variable "api_token_secret_arn" {
  description = "Secret with the tokens that the API asks for, one a line. Null: it asks for none."
  type        = string
  default     = null
}

variable "target_secret_arns" {
  description = "Secrets for the target file: the NAME of a $${NAME} in it to a secret's ARN."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.target_secret_arns) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !startswith(name, "ZONEWATCH_")])
    error_message = "A name in target_secret_arns must be that of an environment variable, and not begin with ZONEWATCH_."
  }
}

variable "notifications" {
  description = "Who is told of incidents: secrets with the webhooks (one a line), with what signs messages to them, with the URL of the heartbeat; Alertmanagers, and the network that they are in."
  type = object({
    webhooks_secret_arn        = optional(string)
    webhook_signing_secret_arn = optional(string)
    heartbeat_secret_arn       = optional(string)
    alertmanagers              = optional(object({ urls = set(string), cidr = string }))
  })
  default = {}

  validation {
    condition     = var.notifications.webhook_signing_secret_arn == null || var.notifications.webhooks_secret_arn != null
    error_message = "notifications.webhook_signing_secret_arn signs messages to webhooks: webhooks_secret_arn is missing."
  }

  validation {
    condition     = try(alltrue([for url in var.notifications.alertmanagers.urls : can(regex("^https?://[^@,\\s]+$", url))]), var.notifications.alertmanagers == null)
    error_message = "notifications.alertmanagers.urls must be http:// or https:// URLs, such as http://alertmanager.internal:9093, without a password: it would not be a secret."
  }

  validation {
    condition     = var.notifications.alertmanagers == null || can(cidrhost(var.notifications.alertmanagers.cidr, 0))
    error_message = "notifications.alertmanagers.cidr must be a network, such as that of your VPC: 10.0.0.0/16."
  }
}

variable "wait_for_steady_state" {
  description = "Whether an apply waits until the new tasks run, and fails if they do not."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 30
}

variable "kms_key_arn" {
  description = "Key that the table, the target file, the secrets and the logs are encrypted with. Null: AWS's own."
  type        = string
  default     = null
}
