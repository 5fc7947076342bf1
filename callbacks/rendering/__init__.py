"""What a message says and how each platform writes it, alike to what Alertmanager's templates make (windsock.tmpl)."""
