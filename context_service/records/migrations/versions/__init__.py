"""One step a file, in order. A step never imports the tables: it says what they were when it was written."""
