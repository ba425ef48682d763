"""A notebook's file: found, read, and held to a book's form."""
