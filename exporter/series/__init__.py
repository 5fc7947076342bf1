"""Series: where every source writes, what bounds them, what forgets them, and the text that Prometheus reads."""
