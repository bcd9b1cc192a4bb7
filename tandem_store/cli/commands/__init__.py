"""The commands: options, one library call, and one view of its result."""
