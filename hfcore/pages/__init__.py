"""What a reader sees: words, numbers, tables, pages."""
