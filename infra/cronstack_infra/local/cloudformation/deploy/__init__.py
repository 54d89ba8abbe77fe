"""Deployments: resources created, updated, replaced and removed, or rolled back."""
