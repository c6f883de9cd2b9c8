"""The audit: wrong programs in place of the right ones, under which each claim must fail."""
