"""The PyQt control panel: draws events, sends commands, knows nothing else.

    engine  ──events──▶  link  ──signals──▶  widgets        local: an engine in this process
    engine  ◀─commands─  link  ◀──calls────  widgets        remote: one that serves on an address

What is behind the widgets, without Qt:
    engine      the protocol of an engine: `send`, `poll`, `phase`
    local, desk an engine in this process: `desk` begins and ends streams, `local` keeps it off
                the interface's thread
    remote      an engine by address, on an asyncio thread of its own
    setup       what is wished for: devices, targets, captions; commands applied to it
    profiles    setups as TOML files
    transcript  captions so far, bounded
    health      what stats and warnings mean, in words
    scroll      pictures that scroll, preallocated
    presence    when each target was there
    words       which sounds can be asked for by words
    intent      what will happen with a setup, in words
    wording     what engines warn of, in plain words
    display     whether there is a screen at all
    clips       a user's file, as an engine takes it
    colours     themes, speakers' colours, contrast
    playback    a moment of a recording, heard again

What is drawn:
    app, window the program and its frame: menu, pages, banner, health line
    link        the one timer, signals, answers to commands
    director    gives every event to those who draw it
    device_watch, moments, background, bringing, loop: what goes on beside
    push_to_mute, global_key: a key that is held, in any program where the platform allows it
    listen_page devices, transport, recording_line, targets, mix, pictures, captions
    hanging     captions that wrap go on under their words
    voices_page, engine_page (doctor_box, bundles_box, export_dialog), guide (microphone_step,
                voice_pick), enrol_box, add_target, caption_strip
    measure     frames a second, and what they cost
"""
