"""Local servers that speak as the real ones do, on 127.0.0.1, for tests of the network connectors."""
