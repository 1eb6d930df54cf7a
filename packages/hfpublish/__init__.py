"""Protection, audit, sentences, pages and site: from exact results to what everybody may read."""
