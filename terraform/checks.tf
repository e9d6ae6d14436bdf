# What no single variable can be refused for, but somebody should hear of.

locals {
  # Probes at once when every one of them takes its whole timeout: what `zonewatch-collector check` calls the load.
  needed_at_once = var.expected_load.targets * var.expected_load.timeout_seconds / var.expected_load.interval_seconds
}

check "a_lost_zone_leaves_enough_agents" {
  assert {
    condition     = module.agents.least_at_once >= local.needed_at_once
    error_message = "Without one of ${length(local.zones)} zones the agents run ${module.agents.least_at_once} probes at once; ${var.expected_load.targets} targets every ${var.expected_load.interval_seconds} s need up to ${ceil(local.needed_at_once)}: raise agents.per_zone.min or agents.concurrency."
  }
}

check "a_lost_zone_leaves_a_collector" {
  assert {
    condition     = var.collector.standby
    error_message = "There is no standby: when the collector's zone is lost, nothing is shown until ECS has started another one. Agents go on probing."
  }
}

check "a_lost_zone_leaves_a_way_out" {
  assert {
    condition     = var.existing_network != null || var.nat_mode != "single" || var.agents_have_public_addresses
    error_message = "There is one NAT gateway: when its zone is lost, no agent of any zone reaches a target."
  }
}

check "agents_of_elsewhere_get_in" {
  assert {
    condition     = length(var.other_vantages) == 0 || var.agents_public
    error_message = "other_vantages names places that agents report from, but agents_public is false: nobody from outside the VPC reaches the collector."
  }
}
