"""What is measured: frame in, result frame out; none knows of notebooks or pages."""
