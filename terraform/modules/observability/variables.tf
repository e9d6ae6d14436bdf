variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vantage" {
  description = "The vantage of this region's agents."
  type        = string
}

variable "zones" {
  description = "The zones of this region's agents."
  type        = list(string)
}

variable "table_name" {
  description = "The table of the log."
  type        = string
}

variable "load_balancers" {
  description = "The load balancers and target groups as CloudWatch names them."
  type = object({
    api    = object({ LoadBalancer = string, TargetGroup = string })
    agents = object({ LoadBalancer = string, TargetGroup = string })
  })
}

variable "log_group_names" {
  description = "Log groups to archive, by any key."
  type        = map(string)
}

variable "emails" {
  description = "Addresses that alarms are sent to; each has to confirm once."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "emails must be e-mail addresses."
  }
}

variable "thresholds" {
  description = "When alarms go off: targets that are down, targets that are unknown, and the coverage (in percent, over an hour) below which too little was probed."
  type = object({
    targets_down    = optional(number, 1)
    targets_unknown = optional(number, 10)
    coverage        = optional(number, 99)
  })
  default = {}

  validation {
    condition     = var.thresholds.targets_down >= 1 && var.thresholds.targets_unknown >= 1 && var.thresholds.coverage > 0 && var.thresholds.coverage <= 100
    error_message = "thresholds.targets_down and targets_unknown must be at least 1, coverage above 0 and at most 100."
  }
}

variable "runbook_url" {
  description = "Where the runbooks are; alarms link to their sections."
  type        = string

  validation {
    condition     = can(regex("^[^#\\s]+$", var.runbook_url))
    error_message = "runbook_url must be without spaces and without a fragment: alarms add one."
  }
}

variable "archive_days" {
  description = "How long logs are kept in a bucket, in days. 0: there is no archive."
  type        = number
  default     = 0

  validation {
    condition     = var.archive_days >= 0 && floor(var.archive_days) == var.archive_days
    error_message = "archive_days must be a whole number of days, or 0."
  }
}

variable "kms_key_arn" {
  description = "Key to encrypt alarms and the archive with; CloudWatch must be allowed to use it. Null: none of one's own."
  type        = string
  default     = null
}
