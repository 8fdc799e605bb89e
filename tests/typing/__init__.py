"""What type checkers know of sockio: programs for mypy and pyright, both strict."""
