"""Programs for developers of Kinescribe; nothing here is installed."""
