"""What is decided about a node, and how the node stands."""
