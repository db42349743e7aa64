"""One file for each thing that can be looked at: values in, a page out."""
