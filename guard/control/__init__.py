"""What is decided about a node: orders, held against the configuration; their way to every node; how a node stands."""
