variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vantage" {
  description = "What the agents call the place they report from. Null: the region, as they find out themselves."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "A subnet a zone: zone name to subnet id. Private ones, unless assign_public_ip."
  type        = map(string)

  validation {
    condition     = length(var.subnet_ids) >= 2 && alltrue([for zone in keys(var.subnet_ids) : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "subnet_ids must name two zones at least, by their full names, such as eu-west-1a: the agents of a lost zone need others to take over."
  }
}

variable "assign_public_ip" {
  description = "Whether agents have public addresses instead of a NAT gateway's: far cheaper, but the addresses change, so nobody can allow-list them."
  type        = bool
  default     = false
}

variable "collector" {
  description = "Where the collector is: the output agents_endpoint of the installation."
  type        = object({ host = string, port = number, tls = bool })

  validation {
    condition     = can(regex("^[A-Za-z0-9.-]+$", var.collector.host)) && var.collector.port >= 1 && var.collector.port <= 65535
    error_message = "collector.host must be a host name, collector.port 1 to 65535."
  }
}

variable "token_secret_arn" {
  description = "Secret of this region whose first line is the token that agents show."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.token_secret_arn))
    error_message = "token_secret_arn must be the ARN of a secret in Secrets Manager."
  }
}

variable "image" {
  description = "The agent's image, by digest or by a tag that never moves."
  type        = string
}

variable "cpu" {
  description = "CPU units of an agent: 1024 are one processor."
  type        = number
  default     = 256
}

variable "memory_mib" {
  description = "Memory of an agent in MiB."
  type        = number
  default     = 512
}

variable "cpu_architecture" {
  description = "ARM64 or X86_64."
  type        = string
  default     = "ARM64"
}

variable "per_zone" {
  description = "How many agents a zone has, at least and at most. The same numbers: no scaling."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 4 }

  validation {
    condition     = var.per_zone.min >= 1 && var.per_zone.max >= var.per_zone.min
    error_message = "per_zone.min must be at least 1, and per_zone.max at least per_zone.min."
  }
}

variable "concurrency" {
  description = "How many probes an agent runs at once."
  type        = number
  default     = 1000

  validation {
    condition     = var.concurrency >= 10 && var.concurrency <= 50000
    error_message = "concurrency must be 10 to 50000: a task may have 65536 files open."
  }
}

variable "probe_ports" {
  description = "Ports that targets listen on. The security group lets agents dial no others."
  type        = set(number)
  default     = [80, 443]

  validation {
    condition     = alltrue([for port in var.probe_ports : port >= 1 && port <= 65535]) && length(var.probe_ports) <= 50
    error_message = "probe_ports must be at most 50 ports of 1 to 65535."
  }
}

variable "deny_private" {
  description = "Whether agents refuse private addresses: a target file must not be a map of the VPC."
  type        = bool
  default     = true
}

variable "allow_networks" {
  description = "Exceptions to what agents refuse, as networks."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.allow_networks : can(cidrhost(cidr, 0))])
    error_message = "allow_networks must be networks, such as 10.1.0.0/16."
  }
}

variable "environment" {
  description = "More options, as ZONEWATCH_ variables: see docs/options.md."
  type        = map(string)
  default     = {}
}

variable "alarm_actions" {
  description = "What an alarm of this region tells: ARNs of SNS topics of this region."
  type        = list(string)
  default     = []
}

variable "runbook_url" {
  description = "Where the runbooks are; alarms link to their sections."
  type        = string
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
  description = "Key of this region that the token and the logs are encrypted with. Null: AWS's own."
  type        = string
  default     = null
}
