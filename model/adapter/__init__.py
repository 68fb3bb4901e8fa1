"""The identity adapter: what a frozen diffusion transformer is given so that it draws particular people."""
