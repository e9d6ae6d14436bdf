# A VPC whose zones share nothing that can fail.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name  = "watch"
  zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
}

run "every_zone_has_a_public_and_a_private_subnet_and_a_nat_gateway_of_its_own" {
  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_subnet.public) == 3 && length(aws_subnet.private) == 3 && length(aws_route_table.private) == 3
    error_message = "Three zones have three public subnets, three private ones, and a route table for each of those."
  }

  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(var.zones) && alltrue([for zone in var.zones : aws_nat_gateway.this[zone].subnet_id == aws_subnet.public[zone].id])
    error_message = "Each zone has a NAT gateway in its own public subnet."
  }

  assert {
    condition     = alltrue([for zone in var.zones : aws_route.private_nat[zone].nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "A private subnet goes out through its own zone's gateway, or the loss of another zone takes it along."
  }

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.map_public_ip_on_launch == false])
    error_message = "No subnet gives out public addresses by itself."
  }

  assert {
    condition     = length(distinct([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.cidr_block])) == 6
    error_message = "Subnets do not overlap."
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.gateway)) == toset(["dynamodb", "s3"]) && alltrue([for endpoint in aws_vpc_endpoint.gateway : endpoint.vpc_endpoint_type == "Gateway" && length(endpoint.route_table_ids) >= 1])
    error_message = "DynamoDB and S3 are reached by gateway endpoints, which cost nothing."
  }

  assert {
    condition     = length(output.nat_public_ips) == 3 && length(aws_flow_log.this) == 0
    error_message = "The addresses that probes come from are told; there are no flow logs unless asked for."
  }
}

run "one_nat_gateway_serves_all_zones" {
  module {
    source = "./modules/network"
  }

  variables {
    nat_mode = "single"
  }

  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(["eu-west-1a"]) && length(aws_route.private_nat) == 3
    error_message = "One gateway, and every private subnet's route to it."
  }
}

run "without_nat_there_is_no_way_out_of_private_subnets" {
  module {
    source = "./modules/network"
  }

  variables {
    nat_mode = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0 && length(aws_route.private_nat) == 0 && length(output.nat_public_ips) == 0
    error_message = "No gateway, no address to pay for, no route."
  }
}

run "flow_logs_are_kept_as_long_as_asked_and_encrypted" {
  module {
    source = "./modules/network"
  }

  variables {
    flow_log_days = 14
    kms_key_arn   = "arn:aws:kms:eu-west-1:111122223333:key/a"
    cidr          = "10.20.0.0/18"
  }

  assert {
    condition     = output.cidr == "10.20.0.0/18" && [for zone in var.zones : aws_subnet.public[zone].cidr_block] == ["10.20.0.0/22", "10.20.4.0/22", "10.20.8.0/22"] && aws_subnet.private["eu-west-1a"].cidr_block == "10.20.16.0/22"
    error_message = "Subnets are sixteenths of the network that is given."
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "ALL" && aws_cloudwatch_log_group.flow[0].retention_in_days == 14 && aws_cloudwatch_log_group.flow[0].kms_key_id == var.kms_key_arn
    error_message = "All traffic, fourteen days, encrypted with the key."
  }

  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.flow[0].policy).Statement[0].Action) == toset(["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"])
    error_message = "The role of flow logs writes to log streams, and does nothing else."
  }
}

run "what_cannot_be_meant_is_refused" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr          = "10.0.0.0/24" # too small
    zones         = ["eu-west-1a"]
    nat_mode      = "two"
    flow_log_days = 10 # CloudWatch does not know it
  }

  expect_failures = [var.cidr, var.zones, var.nat_mode, var.flow_log_days]
}

run "the_other_ends_are_refused_too" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr  = "10.0.0.0/15" # AWS makes no such VPC
    zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d", "eu-west-1e"]
  }

  expect_failures = [var.cidr, var.zones]
}

run "what_is_no_network_and_a_zone_twice_are_refused" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr  = "10.0.0.256/16"
    zones = ["eu-west-1a", "eu-west-1a"]
  }

  expect_failures = [var.cidr, var.zones]
}
