"""The console: what content owners look at. Pages made on the server and plain HTML forms, which work without a script.

`static/htmx.min.js` is htmx 2.0.11 as published (0BSD); with it a page can load a slow part of itself and filter a list in place.
"""
