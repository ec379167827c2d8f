"""What is decided about a node, its way to every other one, and how the node stands."""
