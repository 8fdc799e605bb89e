"""HTTP requests and responses as Engine.IO sees them."""
