"""The HTTP API: `POST /context` for agents, reads for tools, probes for whoever runs it."""
