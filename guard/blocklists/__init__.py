"""Lists of whom to block, as others write them: read into entries, and written from them."""
