variable "name" {
  description = "Prefix of every name: the same as the installation's."
  type        = string
  default     = "zonewatch"
}

variable "region" {
  description = "The home region."
  type        = string
}

variable "agent_regions" {
  description = "Other regions with agents: images and the agents' token are copied there."
  type        = set(string)
  default     = []
}

variable "pull_account_ids" {
  description = "Other accounts that may pull the images: those of the spokes."
  type        = set(string)
  default     = []
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflows push and deploy. Null: none does."
  type        = string
  default     = null
}

variable "github_oidc_provider_arn" {
  description = "The account's identity provider for GitHub, if it has one already. Null: it is made."
  type        = string
  default     = null
}
