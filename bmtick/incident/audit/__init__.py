"""What makes an outbreak easy on this server, and whether block lists name it: all is read."""
