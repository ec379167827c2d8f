"""Where the two wire protocols meet the stages."""
