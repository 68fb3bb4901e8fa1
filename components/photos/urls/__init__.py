"""A list of URLs as a source of photos: read, downloaded with regard for those who said no, laid out as a folder."""
