output "zonewatch" {
  description = "Everything that the installation says of itself."
  value       = module.zonewatch
}
