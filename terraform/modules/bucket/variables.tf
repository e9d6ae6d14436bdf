variable "name" {
  description = "Name of the bucket: unique in all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "kms_key_arn" {
  description = "Key to encrypt with. Null: S3's own keys."
  type        = string
  default     = null
}

variable "expire_days" {
  description = "Objects are removed after so many days. Null: never."
  type        = number
  default     = null
}

variable "noncurrent_days" {
  description = "Replaced versions of an object are removed after so many days."
  type        = number
  default     = 30
}

variable "policy_statements" {
  description = "Statements of the bucket's policy besides the one that asks for TLS."
  type        = any
  default     = []
}

variable "force_destroy" {
  description = "Whether destroying the bucket also destroys what is in it."
  type        = bool
  default     = false
}
