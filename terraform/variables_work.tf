# What is probed, by how many, and who hears of it.

variable "targets_file" {
  description = "Path of a target file to upload to the bucket that is made. Null: upload it yourself, to the output targets_uri."
  type        = string
  default     = null
}

variable "targets_uri" {
  description = "A target file elsewhere, instead: an https:// URL."
  type        = string
  default     = null

  validation {
    condition     = var.targets_uri == null || can(regex("^https://", var.targets_uri))
    error_message = "targets_uri must be an https:// URL."
  }
}

variable "interval" {
  description = "How often a target is probed unless its row says otherwise, such as 10m."
  type        = string
  default     = "10m"
}

variable "timeout" {
  description = "How long a probe may take unless its row says otherwise, such as 10s."
  type        = string
  default     = "10s"
}

variable "other_vantages" {
  description = "Vantages besides this region: those that agents elsewhere report from."
  type        = list(string)
  default     = []
}

variable "collector" {
  description = "The collector's tasks: CPU units, memory in MiB, whether a second one stands by, and more ZONEWATCH_ variables."
  type = object({
    cpu         = optional(number, 512)
    memory_mib  = optional(number, 1024)
    standby     = optional(bool, true)
    environment = optional(map(string), {})
  })
  default = {}
}

variable "agents" {
  description = "This region's agents: CPU units, memory in MiB, probes at once, how many a zone, the ports that targets listen on, whether private addresses are refused, exceptions to what is refused, and more ZONEWATCH_ variables."
  type = object({
    cpu            = optional(number, 256)
    memory_mib     = optional(number, 512)
    concurrency    = optional(number, 1000)
    per_zone       = optional(object({ min = number, max = number }), { min = 1, max = 4 })
    probe_ports    = optional(set(number), [80, 443])
    deny_private   = optional(bool, true)
    allow_networks = optional(list(string), [])
    environment    = optional(map(string), {})
  })
  default = {}
}

variable "expected_load" {
  description = "What the target file asks of a vantage, for a check that the agents are enough even without a zone: targets, and interval and timeout in seconds. `zonewatch-collector check` says it of a file."
  type        = object({ targets = number, interval_seconds = number, timeout_seconds = number })
  default     = { targets = 1000, interval_seconds = 600, timeout_seconds = 10 }

  validation {
    condition     = var.expected_load.targets >= 0 && var.expected_load.timeout_seconds > 0 && var.expected_load.timeout_seconds <= var.expected_load.interval_seconds
    error_message = "expected_load.timeout_seconds must be above 0 and no longer than interval_seconds: probes of one target would overlap."
  }
}

variable "existing_table" {
  description = "A table of another account, and the role there that may use it, instead of one that is made."
  type        = object({ name = string, region = string, role_arn = string })
  default     = null
}

variable "table_max_request_units" {
  description = "The most read, and the most write, units a second of the table: a bound on the bill. Null: none."
  type        = number
  default     = null
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps logs, in days."
  type        = number
  default     = 30
}

variable "log_archive_days" {
  description = "How long a bucket keeps logs, in days. 0: there is no archive."
  type        = number
  default     = 0
}

variable "notifications" {
  description = "Who is told of incidents, target by target (alarms only count): secrets with the webhooks (one a line), with what signs messages to them, with the URL of the heartbeat; Alertmanagers, and the network that they are in. docs/incidents.md"
  type = object({
    webhooks_secret_arn        = optional(string)
    webhook_signing_secret_arn = optional(string)
    heartbeat_secret_arn       = optional(string)
    alertmanagers              = optional(object({ urls = set(string), cidr = string }))
  })
  default = {}
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to; each has to confirm once."
  type        = set(string)
  default     = []
}

variable "alarm_thresholds" {
  description = "When alarms go off: targets that are down, targets that are unknown, the coverage (in percent, over an hour) below which too little was probed."
  type = object({
    targets_down    = optional(number, 1)
    targets_unknown = optional(number, 10)
    coverage        = optional(number, 99)
  })
  default = {}
}

variable "runbook_url" {
  description = "Where people who get an alarm find docs/aws/runbooks.md: the URL of your copy. Alarms link to its sections."
  type        = string
  default     = "docs/aws/runbooks.md"
}

variable "wait_for_steady_state" {
  description = "Whether an apply waits until the new tasks run, and fails if they do not."
  type        = bool
  default     = true
}
