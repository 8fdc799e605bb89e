"""What a server tells the programs of its clients: its events, with their types."""
