"""Keeps `ports.erasure`: forgetting for good, receipts of it, and a restored database that must forget again."""
