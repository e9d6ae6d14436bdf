output "uri" {
  description = "The target file as the collector names it."
  value       = "s3://${module.bucket.id}/${var.key}"
}

output "arn" {
  description = "ARN of the target file."
  value       = "${module.bucket.arn}/${var.key}"
}
