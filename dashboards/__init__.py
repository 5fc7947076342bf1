"""Dashboards as Python, and the JSON that it makes."""
