"""What keeps the ports: a room for each, and beside the rooms what several of them stand on."""
