output "id" {
  description = "Name of the bucket, once its policy is in place."
  value       = aws_s3_bucket_policy.this.bucket
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "domain_name" {
  description = "Host name of the bucket in its region."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "name" {
  description = "Name of the bucket, at once: its policy may not be in place yet."
  value       = aws_s3_bucket.this.id
}
