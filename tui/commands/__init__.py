"""One module for each command; a module named like its command holds a `click` command so named."""
