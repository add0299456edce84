"""Re-syncing each source as often as it promises, watching that the promises are kept, and telling of those that are not."""
