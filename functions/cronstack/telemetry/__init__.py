"""What an invocation writes about itself: log lines in JSON with metrics in them. Importing it imports nothing."""
