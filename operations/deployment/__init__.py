"""Plans, deploys and destroys the stacks with Terraform."""
