"""What a push accepts, and where a pull puts it. The one part that reads and writes files of users."""
