variable "name" {
  description = "Prefix of every name: the same as bootstrap's."
  type        = string
  default     = "zonewatch"
}

variable "region" {
  description = "The region."
  type        = string
}

variable "domain" {
  description = "Name and Route 53 zone of the dashboard."
  type        = object({ name = string, zone_id = string })
}

variable "collector_image" {
  description = "The collector's image, by digest or by a tag that never moves."
  type        = string
}

variable "agent_image" {
  description = "The agent's image, by digest or by a tag that never moves."
  type        = string
}

variable "cpu_architecture" {
  description = "ARM64 or X86_64: what the images are built for."
  type        = string
  default     = "ARM64"
}

variable "agent_token_secret_arn" {
  description = "The output secret_arns of bootstrap: agent-token."
  type        = string
}

variable "api_token_secret_arn" {
  description = "The output secret_arns of bootstrap: api-token."
  type        = string
}

variable "target_secret_arns" {
  description = "Secrets for the target file: the NAME of a $${NAME} in it to a secret's ARN."
  type        = map(string)
  default     = {}
}

variable "targets_file" {
  description = "Path of the target file."
  type        = string
}

variable "expected_load" {
  description = "What the target file asks of a vantage."
  type        = object({ targets = number, interval_seconds = number, timeout_seconds = number })
  default     = { targets = 100000, interval_seconds = 600, timeout_seconds = 10 }
}

variable "cdn" {
  description = "Whether the dashboard is also served by CloudFront."
  type        = bool
  default     = false
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = set(string)
}

variable "runbook_url" {
  description = "The URL of your copy of docs/aws/runbooks.md."
  type        = string
}
