"""The ways in which a network can be run: one file a way, where one is enough. A new one meets `Backend`
(backend.py).

backend         what every way can do
eager           torch, running the network as it is written
onnx_cpu        ONNX Runtime on the processor
onnx_graph      a network as ONNX
cuda_graph      CUDA graphs, one for each bucket of sizes, with torch's own kernels or generated ones
tensorrt        TensorRT
tensorrt_build  a network as TensorRT engines
tensorrt_run    those engines run
device_worker   the one thread that touches a device
machine         whether there is a GPU, and room
"""
