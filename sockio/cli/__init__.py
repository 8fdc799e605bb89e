"""The command line's programs that do more than serve."""
