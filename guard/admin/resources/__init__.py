"""What the admin API has, one file a resource."""
