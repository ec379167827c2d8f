"""A store that is a Redis or Valkey: a server, several behind sentinels, or a cluster."""
