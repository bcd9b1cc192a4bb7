"""Complete entries found in files of many runs, damaged or not, without parsing the file."""
