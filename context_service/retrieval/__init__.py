"""The `/context` pipeline: from a question in a conversation to governed context."""
