"""The commands, one module each: options, one library call, and one view of its result."""
