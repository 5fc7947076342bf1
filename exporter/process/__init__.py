"""What a process of its own needs to last: threads that come back, places for those who are connected."""
