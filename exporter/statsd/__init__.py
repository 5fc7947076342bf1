"""From a datagram to a series: receive, parse, translate, store, expose."""
