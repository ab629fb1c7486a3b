"""A network one of whose shared libraries is not there, as one that was built for another torch is not."""

import ctypes

ctypes.CDLL("libgone.so")
