"""The networks as torch modules of named tensors, written so that they export: what engines are built from.

sentence   a sentence encoder that reads passages, with adapters
passages   the lines of a dialogue as one sequence
utterance  ACN, JE and QAF: one utterance by itself
context    one step of the dialogue, and the reviser
mtcnn      what finds faces
identity   whose face it is
person     a YOLO network in ultralytics' own format
yolo       what YOLO networks have in common
passt      PaSST
turns      who of three speaks when in ten seconds
speaker    whose voice it is
"""
