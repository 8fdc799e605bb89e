"""Admin: what a server tells the official admin page, and does for it."""
