"""The control process: operators' API, and what else is done beside the workers. Traffic never depends on it."""
