variable "domain" {
  description = "Name and Route 53 zone of the dashboard; agents go to agents.NAME."
  type        = object({ name = string, zone_id = string })
}

variable "images" {
  description = "The images by program and region: bootstrap's registry copies them (agent_regions)."
  type        = object({ collector = map(string), agent = map(string) })
}

variable "agent_token_secret_arns" {
  description = "The agents' token by region: bootstrap copies it (agent_regions). The ARNs differ in the region only."
  type        = map(string)
}

variable "api_token_secret_arn" {
  description = "The output secret_arns of bootstrap: api-token."
  type        = string
}

variable "targets_file" {
  description = "Path of the target file."
  type        = string
}
