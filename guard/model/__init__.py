"""A model endpoint for the demo and for tests; it speaks the OpenAI and Anthropic APIs, and fails when told to."""
