"""The console: pages for people at a desk, rendered on the server and useful before any script runs."""
