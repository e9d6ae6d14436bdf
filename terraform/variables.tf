# What there is to decide. Only the images and the agents' token have no default.

variable "name" {
  description = "Prefix of every name. Two installations in one account need two."
  type        = string
  default     = "zonewatch"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be 3 to 25 lower-case letters, digits and single hyphens: a table's name has no fewer, a load balancer's no more."
  }
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
  description = "ARM64 (a fifth cheaper) or X86_64: what the images are built for."
  type        = string
  default     = "ARM64"
}

variable "agent_token_secret_arn" {
  description = "Secret with the agents' token: a line, or two while one replaces the other. Terraform never sees what is in it."
  type        = string
}

variable "api_token_secret_arn" {
  description = "Secret with the tokens that the API and the dashboard ask for. Null: none, and then allowed_cidrs must name networks."
  type        = string
  default     = null
}

variable "target_secret_arns" {
  description = "Secrets for the target file: the NAME of a $${NAME} in it to a secret's ARN."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "A key of yours to encrypt everything with. Null: AWS's own keys, which cost nothing."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table and the load balancers refuse to be deleted, and buckets to be deleted while something is in them."
  type        = bool
  default     = true
}
