"""Where sound and pictures come from: files, addresses, cameras, microphones."""
