variable "region" {
  description = "The region."
  type        = string
}

variable "images" {
  description = "The images in the hub's registry; bootstrap lets spokes pull them (pull_account_ids)."
  type        = object({ collector = string, agent = string })
}

variable "targets_file" {
  description = "Path of the target file."
  type        = string
}

variable "data_deploy_role_arn" {
  description = "The role to assume in the account of the table."
  type        = string
}

variable "hub" {
  description = "The hub: its VPC, domain, secrets, and who may see the dashboard."
  type = object({
    agent_token_secret_arn = string
    api_token_secret_arn   = string
    domain                 = object({ name = string, zone_id = string })
    allowed_cidrs          = set(string)
    network = object({
      vpc_id             = string
      cidr               = string
      public_subnet_ids  = map(string)
      private_subnet_ids = map(string)
      nat_public_ips     = list(string)
    })
  })
}

variable "spoke" {
  description = "A spoke: the role to assume there, its VPC, its own copy of the agents' token, the addresses its agents come from, and the private networks they may probe."
  type = object({
    vantage          = string
    deploy_role_arn  = string
    vpc_id           = string
    subnet_ids       = map(string)
    token_secret_arn = string
    source_cidrs     = set(string)
    private_networks = list(string)
  })
}
