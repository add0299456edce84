"""From parsed elements to contextual chunks whose spans point into the document version's text."""
