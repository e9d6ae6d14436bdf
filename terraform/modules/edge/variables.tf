variable "name" {
  description = "Prefix of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be 3 to 25 lower-case letters, digits and single hyphens: load balancers take no more than 32 with what is added."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "vpc_cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "public_subnet_ids" {
  description = "Subnets that are reached from the internet, of two zones at least."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Subnets of the agents' door while agents_public is false."
  type        = list(string)
}

variable "domain" {
  description = "A domain name in a Route 53 zone of this account, and a certificate for it and agents.NAME; without certificate_arn one is made. Null: no names, and no TLS."
  type = object({
    name            = string
    zone_id         = string
    certificate_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name must be a host name, such as zonewatch.example.com."
  }
}

variable "allowed_cidrs" {
  description = "Networks from which the API and the dashboard may be reached."
  type        = set(string)

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "allowed_cidrs must be IPv4 networks, such as 203.0.113.0/24."
  }
}

variable "allow_cloudfront" {
  description = "Whether CloudFront may reach the API, for the dashboard behind a CDN."
  type        = bool
  default     = false
}

variable "agents_public" {
  description = "Whether agents come from outside the VPC: other regions, other accounts, other places."
  type        = bool
  default     = false
}

variable "agents_cidrs" {
  description = "Networks that agents come from, if agents_public."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.agents_cidrs : can(cidrhost(cidr, 0))])
    error_message = "agents_cidrs must be IPv4 networks, such as 203.0.113.7/32."
  }
}

variable "agents_nat_ips" {
  description = "Addresses of this installation's NAT gateways: its own agents come from there, if agents_public."
  type        = list(string)
  default     = []
}

variable "access_log_days" {
  description = "How long the access logs of both load balancers are kept in a bucket of their own, in days. 0: none are written."
  type        = number
  default     = 90

  validation {
    condition     = var.access_log_days >= 0 && floor(var.access_log_days) == var.access_log_days
    error_message = "access_log_days must be a whole number of days, or 0."
  }
}

variable "deletion_protection" {
  description = "Whether the load balancers refuse to be deleted, and the bucket to be deleted while something is in it."
  type        = bool
  default     = true
}
