"""What ``manage.py`` gets from this app."""
