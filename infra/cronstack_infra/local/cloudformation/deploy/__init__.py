"""A deployment carried out: resources created, updated, replaced and removed, or put back."""
