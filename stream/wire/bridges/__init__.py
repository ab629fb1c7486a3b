"""Messages passed on, as they come, into what others use; each bridge is a `Sink`, and its library an extra.

open         the bridge that a URL asks for
destination  where a bridge leads, without secrets, and the library that it takes
passing      messages of another process passed on
lsl          Lab Streaming Layer: numbers beside EEG, and markers
osc          Open Sound Control: numbers for music, light and stage
mqtt         messages as JSON at a broker
humans       messages as topics of ROS for humans (REP-155): data, which needs no ROS
ros2         these topics published by a node of ROS 2
rerun        numbers, words and boxes for Rerun's viewer, or into its file
"""
