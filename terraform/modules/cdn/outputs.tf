output "url" {
  description = "The dashboard."
  value       = "https://${var.alias == null ? aws_cloudfront_distribution.this.domain_name : var.alias.name}"
}

output "distribution_domain_name" {
  description = "What a name of your own has to point at."
  value       = aws_cloudfront_distribution.this.domain_name
}
