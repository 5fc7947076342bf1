"""What is wrong with an installation: findings of checks, each of which its own folder brings."""
