variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "api_host" {
  description = "Host name of the API; it has to speak TLS."
  type        = string
}

variable "assets_path" {
  description = "The folder with the dashboard's files."
  type        = string
}

variable "alias" {
  description = "A name for the dashboard, and the ARN of its certificate in us-east-1 (CloudFront takes no other region's). Null: a name of CloudFront's."
  type        = object({ name = string, certificate_arn = string })
  default     = null

  validation {
    condition     = var.alias == null || can(regex("^arn:aws[a-z-]*:acm:us-east-1:", var.alias.certificate_arn))
    error_message = "alias.certificate_arn must be of us-east-1: CloudFront takes no other region's."
  }
}
