"""What the file system for fsspec consists of: paths, listings, files, errors."""
