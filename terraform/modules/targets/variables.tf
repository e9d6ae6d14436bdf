variable "name" {
  description = "Prefix of the bucket's name."
  type        = string
}

variable "file" {
  description = "Path of a target file to upload. Null: someone else puts it there."
  type        = string
  default     = null
}

variable "key" {
  description = "Key of the target file in its bucket."
  type        = string
  default     = "targets.csv"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.key)) && !startswith(var.key, "/")
    error_message = "key must be of letters, digits, dots, hyphens, underscores and slashes, and not begin with a slash."
  }
}

variable "kms_key_arn" {
  description = "Key to encrypt with. Null: S3's own."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the bucket refuses to be deleted while something is in it."
  type        = bool
  default     = true
}
