variable "name" {
  description = "Name of the installation: the roles may change what is called NAME-…."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub: OWNER/NAME."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be OWNER/NAME."
  }
}

variable "environments" {
  description = "The environments of the repository whose runs may push images and deploy. Protect both: required reviewers, protected branches."
  type        = object({ push = string, deploy = string })
  default     = { push = "release", deploy = "production" }
}

variable "oidc_provider_arn" {
  description = "The account's identity provider for GitHub, if it has one already: there can be only one. Null: it is made."
  type        = string
  default     = null
}

variable "repository_arns" {
  description = "Image repositories to push to."
  type        = list(string)
}

variable "state_bucket_arn" {
  description = "The bucket with Terraform's state; the roles see what is under NAME/ in it."
  type        = string
}

variable "regions" {
  description = "Regions that may be changed."
  type        = list(string)

  validation {
    condition     = length(var.regions) > 0
    error_message = "regions must name at least one region."
  }
}
