"""Broker set-up for other clusters, generated from the table of topics."""
