"""How well a sentence fits a clip."""
