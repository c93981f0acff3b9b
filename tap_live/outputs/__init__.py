"""Where audio goes: headset, virtual microphone, file, nowhere."""
