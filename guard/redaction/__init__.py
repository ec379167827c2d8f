"""What must not be stored, and records without it: keys always, patterns and fields as configured."""
