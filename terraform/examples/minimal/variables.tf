variable "name" {
  description = "Prefix of every name: the same as bootstrap's."
  type        = string
  default     = "zonewatch"
}

variable "region" {
  description = "The region."
  type        = string
}

variable "zones" {
  description = "Two of its availability zones."
  type        = list(string)
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
  description = "ARM64 or X86_64: what the images are built for."
  type        = string
  default     = "ARM64"
}

variable "agent_token_secret_arn" {
  description = "The output secret_arns of bootstrap: agent-token."
  type        = string
}

variable "allowed_cidrs" {
  description = "Your network: who may see the dashboard."
  type        = set(string)
}

variable "targets_file" {
  description = "Path of the target file."
  type        = string
}

variable "wait_for_steady_state" {
  description = "Whether an apply waits until the tasks run."
  type        = bool
  default     = true
}
