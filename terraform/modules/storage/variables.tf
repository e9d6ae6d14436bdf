variable "name" {
  description = "Name of the table, and prefix of the other names."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "A table's name has 3 to 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "trusted_role_arns" {
  description = "Roles of collectors in other accounts that may use the table."
  type        = list(string)
  default     = []
}

variable "recovery_days" {
  description = "How far back the table can be restored to any second."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_days >= 1 && var.recovery_days <= 35
    error_message = "recovery_days must be 1 to 35."
  }
}

variable "max_request_units" {
  description = "The most read, and the most write, units a second: a bound on the bill. Null: none."
  type        = number
  default     = null
}

variable "kms_key_arn" {
  description = "Key to encrypt with. Null: DynamoDB's own."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
}
