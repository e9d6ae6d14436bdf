variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC. A /16: each zone takes two /20 of it. Regions that will be peered must not overlap."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 22, false)
    error_message = "cidr must be an IPv4 network of /16 to /22, such as 10.0.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones by name, such as eu-west-1a. Two to four."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
    error_message = "Two to four different zones: with one there is nothing to fail over to, and a load balancer wants two."
  }
}

variable "nat_mode" {
  description = "per_zone: a NAT gateway a zone, so that the loss of one takes nothing else with it. single: one for all, cheaper. none: no way out of the private subnets."
  type        = string
  default     = "per_zone"

  validation {
    condition     = contains(["per_zone", "single", "none"], var.nat_mode)
    error_message = "nat_mode must be per_zone, single or none."
  }
}

variable "flow_log_days" {
  description = "How long flow logs are kept, in days. 0: there are none."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.flow_log_days)
    error_message = "flow_log_days must be 0 or a retention that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "kms_key_arn" {
  description = "Key to encrypt flow logs with. Null: CloudWatch's own."
  type        = string
  default     = null
}
