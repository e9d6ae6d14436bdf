variable "name" {
  description = "Prefix of the repositories' names."
  type        = string
}

variable "keep_images" {
  description = "How many images of each are kept. An image for two architectures counts as three (and its attestations as two more)."
  type        = number
  default     = 100

  validation {
    condition     = var.keep_images >= 10
    error_message = "keep_images must be at least 10: what is deployed, and what one would roll back to, must not expire."
  }
}

variable "pull_account_ids" {
  description = "Other accounts that may pull: those of the spokes."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.pull_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "An account id has twelve digits."
  }
}

variable "replica_regions" {
  description = "Regions that get a copy of every image. A registry has one such list: do not set this if yours already has one."
  type        = set(string)
  default     = []
}

variable "kms_key_arn" {
  description = "Key to encrypt images with. Null: AES-256 with ECR's own."
  type        = string
  default     = null
}

variable "force_delete" {
  description = "Whether destroying a repository also destroys its images."
  type        = bool
  default     = false
}
