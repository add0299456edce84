"""From sources to a published release: the connector protocol and the pipeline that runs it."""
