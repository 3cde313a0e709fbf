"""Reports as text, Markdown and HTML: tables, and pages that open from disk."""
