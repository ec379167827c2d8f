"""What several machines share, in a Redis or Valkey: the changes in their order, and which node has which in force."""
