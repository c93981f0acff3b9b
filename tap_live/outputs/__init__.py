"""Where a stream goes: headset, virtual microphone, file, nowhere."""
