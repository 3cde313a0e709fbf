"""Tables of reports as text, Markdown and HTML."""
