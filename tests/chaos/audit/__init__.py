"""The rules of the auditor. Nothing here imports anything of the services, their language or their deployment."""
