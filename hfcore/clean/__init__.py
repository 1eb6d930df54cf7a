"""Raw files to trusted tables: read as text, map, parse, check, replace ids, join."""
