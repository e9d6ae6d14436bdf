# Where it runs, and who may reach it.

variable "zones" {
  description = "Availability zones by name. Null: the region's first three."
  type        = list(string)
  default     = null
}

variable "cidr" {
  description = "Addresses of the VPC that is made."
  type        = string
  default     = "10.0.0.0/16"
}

variable "existing_network" {
  description = "A VPC that is already there, with a public and a private subnet a zone, instead of one that is made. nat_public_ips: what its probes come from."
  type = object({
    vpc_id             = string
    cidr               = string
    public_subnet_ids  = map(string)
    private_subnet_ids = map(string)
    nat_public_ips     = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.existing_network == null || try(keys(var.existing_network.public_subnet_ids) == keys(var.existing_network.private_subnet_ids) && length(var.existing_network.public_subnet_ids) >= 2, false)
    error_message = "existing_network must name a public and a private subnet in each of the same zones, two at least."
  }
}

variable "nat_mode" {
  description = "per_zone: a NAT gateway a zone. single: one for all. none: nothing is behind NAT, and every task has a public address; by far the cheapest."
  type        = string
  default     = "per_zone"
}

variable "agents_have_public_addresses" {
  description = "Whether agents have public addresses although there is NAT: saves what NAT gateways charge for traffic, costs the fixed addresses."
  type        = bool
  default     = false
}

variable "flow_log_days" {
  description = "How long the VPC's flow logs are kept, in days. 0: there are none."
  type        = number
  default     = 0
}

variable "domain" {
  description = "A domain name in a Route 53 zone of this account: NAME is the dashboard, agents.NAME where agents go. Without certificate_arn a certificate is made. Null: no names, no TLS, and agents in this VPC only."
  type = object({
    name            = string
    zone_id         = string
    certificate_arn = optional(string)
  })
  default = null
}

variable "allowed_cidrs" {
  description = "Networks from which the API and the dashboard may be reached. 0.0.0.0/0 only with api_token_secret_arn."
  type        = set(string)
  default     = []

  validation {
    condition     = var.api_token_secret_arn != null || alltrue([for cidr in var.allowed_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, false)])
    error_message = "Without api_token_secret_arn the API asks nobody who they are: allowed_cidrs must name networks of /8 or smaller."
  }

  validation {
    condition     = length(var.allowed_cidrs) > 0 || var.cdn
    error_message = "allowed_cidrs is empty, so nobody would reach the dashboard: name your network, or 0.0.0.0/0 with api_token_secret_arn."
  }

  validation {
    condition     = var.api_token_secret_arn == null || var.domain != null || alltrue([for cidr in var.allowed_cidrs : cidr != "0.0.0.0/0"])
    error_message = "Without a domain there is no TLS: tokens from all of the internet would travel in plain text. Set domain, or name networks in allowed_cidrs."
  }
}

variable "agents_public" {
  description = "Whether agents may come from outside the VPC: other regions, other accounts. Needs a domain, because they need TLS."
  type        = bool
  default     = false

  validation {
    condition     = !var.agents_public || var.domain != null
    error_message = "agents_public needs a domain: without TLS the agents' token would travel in plain text."
  }
}

variable "agents_cidrs" {
  description = "Networks that agents come from, if agents_public: the NAT addresses of other regions. Those of this installation are added. 0.0.0.0/0 where addresses change; every agent shows its token anyway."
  type        = set(string)
  default     = []
}

variable "access_log_days" {
  description = "How long the load balancers' access logs are kept in a bucket, in days. 0: none are written."
  type        = number
  default     = 90
}

variable "cdn" {
  description = "Whether the dashboard is also served from a private bucket behind CloudFront. Needs a domain and api_token_secret_arn: the API then faces the internet."
  type        = bool
  default     = false

  validation {
    condition     = !var.cdn || (var.domain != null && var.api_token_secret_arn != null)
    error_message = "cdn needs a domain, for TLS between CloudFront and the API, and api_token_secret_arn, because the API then faces the internet."
  }
}

variable "cdn_alias" {
  description = "A name for the dashboard behind the CDN, and the ARN of its certificate in us-east-1. Null: a name of CloudFront's."
  type        = object({ name = string, certificate_arn = string })
  default     = null
}
