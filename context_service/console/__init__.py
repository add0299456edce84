"""The console: what content owners look at. Pages made on the server, plain HTML forms, no script."""
