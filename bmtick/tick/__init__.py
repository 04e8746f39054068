"""The TICKscript language: parser, formatter and checker. Pure: no input or output."""
