<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1">
<context>
    <name>AddTarget</name>
    <message>
        <location filename="../add_target.py" line="38" />
        <source>Add a target</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="41" />
        <source>How to ask</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="43" />
        <source>Enrolled voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="45" />
        <source>A &amp;voice</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="46" />
        <source>A sound, by &amp;words</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="47" />
        <source>A sound, by e&amp;xample</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="48" />
        <source>&amp;Enrol a voice</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="49" />
        <source>&amp;Keep it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="50" />
        <source>&amp;Remove it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="51" />
        <source>Keep it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="52" />
        <source>Remove it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="55" />
        <source>Add</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="133" />
        <source>No voice extractor is installed yet: captions will follow this voice, the sound stays as it is.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="137" />
        <source>No extractor for this is installed yet: the target is kept in the list and waits for it; nothing changes in the sound.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="147" />
        <source>Sending the clip: {share}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="156" />
        <source>Nobody is enrolled yet.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="159" />
        <source>Whom do you want to hear and read?</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="163" />
        <source>Enrol another…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../add_target.py" line="177" />
        <source>Cancel</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Banner</name>
    <message>
        <location filename="../banner.py" line="26" />
        <source>Message</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../banner.py" line="30" />
        <source>Dismiss the message</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../banner.py" line="60" />
        <source>Error</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../banner.py" line="60" />
        <source>Note</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>BundlesBox</name>
    <message>
        <location filename="../bundles_box.py" line="27" />
        <source>Model</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="27" />
        <source>Kind</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="27" />
        <source>Size</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="27" />
        <source>State</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="28" />
        <source>Models</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="31" />
        <source>Card of the model</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="34" />
        <source>How much is fetched</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="37" />
        <source>Fetch</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="38" />
        <source>Cancel</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="45" />
        <source>Make a bundle…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="70" />
        <source>shipped</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="71" />
        <source>here</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="72" />
        <source>to be fetched</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="96" />
        <source>**Whisper {name}**: OpenAI's weights, {licence}. They are read from CTranslate2 folders and made ready once; they are not part of TAP Live.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="108" />
        <source>made by</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="108" />
        <source>licence</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../bundles_box.py" line="126" />
        <source>Ready in {folder}</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>CaptionBox</name>
    <message>
        <location filename="../caption_box.py" line="37" />
        <source>Search</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="38" />
        <source>Search in the captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="46" />
        <source>Large</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="46" />
        <source>Large type</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="48" />
        <source>Strip</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="49" />
        <source>Captions in a strip that stays on top</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="53" />
        <source>Copy</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="53" />
        <source>Copy what is selected, or all</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="54" />
        <source>Save…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="54" />
        <source>Save the captions as VTT, SRT or text</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="67" />
        <source>{count} captions are in {path}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="78" />
        <source>Save the captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="92" />
        <source>not found</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="96" />
        <source>Captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="99" />
        <source>Previous match</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_box.py" line="100" />
        <source>Next match</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>CaptionStrip</name>
    <message>
        <location filename="../caption_strip.py" line="39" />
        <source>Captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_strip.py" line="42" />
        <source>Caption strip</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_strip.py" line="46" />
        <source>Newest captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_strip.py" line="56" />
        <source>Drag to move; arrow keys move too; + and − change the opacity; Esc closes</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_strip.py" line="64" />
        <source>Captions appear here.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>CaptionView</name>
    <message>
        <location filename="../caption_view.py" line="42" />
        <source>Captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_view.py" line="43" />
        <source>What is said appears here.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../caption_view.py" line="63" />
        <source>To the newest ↓</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>ClipBox</name>
    <message>
        <location filename="../clip_box.py" line="21" />
        <source>Drop a recording of the sound here</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../clip_box.py" line="24" />
        <source>The chosen file</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../clip_box.py" line="29" />
        <source>Choose a file…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../clip_box.py" line="34" />
        <source>Or mark a part of the spectrogram in the main view, and say “more of this” or “remove this”.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../clip_box.py" line="59" />
        <source>A recording of the sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../clip_box.py" line="60" />
        <source>Sound</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>DeviceChoice</name>
    <message>
        <location filename="../device_choice.py" line="30" />
        <source>Input</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="30" />
        <source>Output</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="31" />
        <source>Level of the {name}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="69" />
        <source>A file…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="80" />
        <source>Nothing is played</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="81" />
        <source>The system's output</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="82" />
        <source>A virtual microphone for other programs</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="85" />
        <source>The system's microphone</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="86" />
        <source>What the computer plays</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="89" />
        <source>The demo conversation</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="94" />
        <source>Chosen where the engine was started</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="104" />
        <source>{name} (not there now)</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="130" />
        <source>Play into a file</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="135" />
        <source>Listen to a file</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../device_choice.py" line="135" />
        <source>Sound</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Director</name>
    <message>
        <location filename="../director.py" line="70" />
        <source>Start again</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../director.py" line="71" />
        <source>The engine stopped. {why}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../director.py" line="121" />
        <source>Give up</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../director.py" line="128" />
        <source>engine: {where}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../director.py" line="135" />
        <source>Try now</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../director.py" line="136" />
        <source>Use this computer</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../director.py" line="137" />
        <source>What it recorded is kept there; it is looked for again and again.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>DoctorBox</name>
    <message>
        <location filename="../doctor_box.py" line="22" />
        <source>✓ ok</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../doctor_box.py" line="23" />
        <source>▲ warning</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../doctor_box.py" line="24" />
        <source>■ failed</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../doctor_box.py" line="28" />
        <source>What the doctor found</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../doctor_box.py" line="31" />
        <source>Doctor</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../doctor_box.py" line="33" />
        <source>Look again</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../doctor_box.py" line="37" />
        <source>Looking at the engine's machine…</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>EnginePage</name>
    <message>
        <location filename="../engine_page.py" line="31" />
        <source>Extractor</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="32" />
        <source>compact, if installed</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="33" />
        <source>CLAPSep, the full model for sounds</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="34" />
        <source>none: the sound stays as it is</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="36" />
        <source>&amp;Caption what is heard</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="37" />
        <source>Caption what is heard</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="38" />
        <source>Whisper model</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="40" />
        <source>Language</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="41" />
        <source>found out</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="44" />
        <source>Other voices' words</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="45" />
        <source>shown as “other”</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="45" />
        <source>hidden</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="46" />
        <source>shown without a name</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="49" />
        <source>Processor</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="50" />
        <source>the fastest that there is</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="96" />
        <source>Where networks run is said here once it has started.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="98" />
        <source>Not all could run where you asked: {told}. The doctor says why.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="100" />
        <source>In use: {told}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="106" />
        <source>Chosen where the engine was started.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="111" />
        <source> and </source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="112" />
        <source>Not installed: {bundles}. Captions follow an enrolled voice without them; the sound itself stays as it is.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="145" />
        <source>Engine</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="160" />
        <source>&amp;Extractor</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="164" />
        <source>&amp;Whisper model</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="165" />
        <source>&amp;Language</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="166" />
        <source>&amp;Other voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="167" />
        <source>&amp;Processor</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../engine_page.py" line="180" />
        <source>Models</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>EnrolBox</name>
    <message>
        <location filename="../enrol_box.py" line="43" />
        <source>Name</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="44" />
        <source>Name of the voice</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="48" />
        <source>Level of the microphone</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="51" />
        <source>How much is recorded</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="59" />
        <source>Verdict</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="61" />
        <source>Record {s} s</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="63" />
        <source>From a file…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="64" />
        <source>Cancel</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="65" />
        <source>Test it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="74" />
        <source>Read the sentence aloud, as you usually speak.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="82" />
        <source>Listening to {file}…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="132" />
        <source>{name} is enrolled: {speech:.0f} s of speech, {snr:.0f} dB above the noise.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="135" />
        <source>Could be better: {text}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="147" />
        <source>That is {name}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="150" />
        <source>That does not sound like {name}: record one more clip, or try again.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="155" />
        <source>Say something else, for five seconds.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="183" />
        <source>Very quiet: is the microphone on?</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="185" />
        <source>Too loud: turn the microphone down.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="187" />
        <source>The level is good.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="216" />
        <source>A recording of that voice alone</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="218" />
        <source>Sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="225" />
        <source>When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow. People look, but no one ever finds the pot of gold at its end, and that is why it is told again and again.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="239" />
        <source>Read this aloud, alone, in a quiet place:</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../enrol_box.py" line="249" />
        <source>A voiceprint is biometric. It stays on this computer, readable by you alone, and holds no sound; you can delete it at any time.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>ExportDialog</name>
    <message>
        <location filename="../export_dialog.py" line="32" />
        <source>Make a bundle</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="35" />
        <source>Model</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="37" />
        <source>Checkpoint</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="38" />
        <source>a file or folder of weights</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="39" />
        <source>Choose…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="40" />
        <source>For</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="42" />
        <source>Precision</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="45" />
        <source>How far it is</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="49" />
        <source>What came of it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="50" />
        <source>Make it</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="51" />
        <source>Give up</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="68" />
        <source>Beginning…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="83" />
        <source>The bundle is in {folder}. It computes what PyTorch does.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="112" />
        <source>A checkpoint</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="122" />
        <source>&amp;Model</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="123" />
        <source>&amp;Checkpoint</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="124" />
        <source>&amp;For</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="125" />
        <source>&amp;Precision</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="127" />
        <source>Close</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../export_dialog.py" line="136" />
        <source>A checkpoint becomes a bundle that runs without PyTorch, and is compared with it. PyTorch has to be installed where the engine runs.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>GlobalKey</name>
    <message>
        <location filename="../global_key.py" line="46" />
        <source>the display lets nobody in: {why}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../global_key.py" line="57" />
        <source>another program has {keys}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../global_key.py" line="94" />
        <source>python-xlib is not installed</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../global_key.py" line="97" />
        <source>Wayland gives keys to the program in front only</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../global_key.py" line="98" />
        <source>this system is not supported</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Guide</name>
    <message>
        <location filename="../guide.py" line="37" />
        <source>First steps</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="117" />
        <location filename="../guide.py" line="42" />
        <source>Continue</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="44" />
        <source>Back</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="45" />
        <source>Not now</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="47" />
        <source>Which microphone?</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="117" />
        <source>Start</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="133" />
        <source>Whom or what</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="134" />
        <source>Everything is heard, and everybody is captioned.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="136" />
        <source>A &amp;voice</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="137" />
        <source>A &amp;sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="138" />
        <source>&amp;Everything</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="142" />
        <source>Whom or what do you want to hear?</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="146" />
        <source>F5 starts and stops. Record keeps sound and captions in a folder. Ctrl+D puts the captions above all windows. Help → First steps brings this back.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="151" />
        <source>Ready</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../guide.py" line="159" />
        <source>Step {number} of 3</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="19" />
        <source>Everything that is heard will be captioned.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="25" />
        <source>Captions will say when {names} speaks. No voice extractor is installed yet, so the sound itself stays as it is.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="32" />
        <source>You will read {names}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="34" />
        <source>You will hear and read {names}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="37" />
        <source>{names} is in the list and waits for a sound extractor, which is not installed yet. Until then everything is heard and captioned.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="44" />
        <source>{names} is picked out of the rest.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="46" />
        <source>You will hear {names}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="48" />
        <source>What you remove will be turned down.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../intent.py" line="51" />
        <source>Nothing is played: to hear it too, choose an output beside the input.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Health</name>
    <message>
        <location filename="../health.py" line="83" />
        <source>stopped</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="85" />
        <source>starting</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="90" />
        <source>keeps up</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="92" />
        <source>input gone: {why}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="95" />
        <source>output gone: {why}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="98" />
        <source>{count} samples were lost</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="112" />
        <source>too slow: {share} of real time is used</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="115" />
        <source>busy: {share} of real time is used</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="119" />
        <source>captions are {seconds} s behind</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="136" />
        <source>input device</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="138" />
        <source>output device</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="140" />
        <source>algorithm</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health.py" line="141" />
        <source>compute</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>HealthLine</name>
    <message>
        <location filename="../health_line.py" line="38" />
        <source>Health of the engine</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health_line.py" line="41" />
        <source>Delay, load, backlog, lost samples</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health_line.py" line="56" />
        <source>● good</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health_line.py" line="57" />
        <source>▲ watch</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health_line.py" line="58" />
        <source>■ trouble</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health_line.py" line="66" />
        <source>delay: {parts}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../health_line.py" line="85" />
        <source>delay {delay}  ·  load {load} of a core  ·  captions behind {backlog}  ·  lost {lost}</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>LevelMeter</name>
    <message>
        <location filename="../level_meter.py" line="68" />
        <source>silent</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>ListenPage</name>
    <message>
        <location filename="../listen_page.py" line="62" />
        <source>Nothing has been heard yet.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../listen_page.py" line="66" />
        <source>Drag the edges to what you mean.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../listen_page.py" line="120" />
        <source>More of this</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../listen_page.py" line="121" />
        <source>Remove this</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../listen_page.py" line="122" />
        <source>Cancel</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../listen_page.py" line="125" />
        <source>Sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../listen_page.py" line="129" />
        <source>Mark a sound</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Menu</name>
    <message>
        <location filename="../menu.py" line="30" />
        <source>&amp;Stream</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="32" />
        <source>&amp;Start or stop</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="33" />
        <source>&amp;Mute</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="35" />
        <source>&amp;Record</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="37" />
        <source>&amp;Profiles</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="41" />
        <source>&amp;Quit</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="45" />
        <source>Hold {keys} in any program to mute</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="56" />
        <source>&amp;Targets</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="57" />
        <source>&amp;Add a target…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="58" />
        <source>&amp;Mark the newest sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="62" />
        <source>&amp;Captions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="63" />
        <source>&amp;Search</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="64" />
        <source>&amp;Next match</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="65" />
        <source>&amp;Previous match</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="67" />
        <source>&amp;Copy</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="68" />
        <source>Sa&amp;ve…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="69" />
        <source>&amp;Forget all</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="71" />
        <source>&amp;Large type</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="72" />
        <source>S&amp;trip on top</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="76" />
        <source>&amp;View</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="77" />
        <source>&amp;Listen</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="77" />
        <source>&amp;Voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="77" />
        <source>&amp;Engine</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="81" />
        <source>&amp;Dark</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="81" />
        <source>L&amp;ight</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="94" />
        <source>&amp;Help</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="95" />
        <source>&amp;First steps…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="107" />
        <source>&amp;Save as…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="113" />
        <source>Profile</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../menu.py" line="113" />
        <source>Name:</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>MicrophoneStep</name>
    <message>
        <location filename="../microphone_step.py" line="31" />
        <source>Nothing is kept, and nothing ever leaves this computer.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="32" />
        <source>It is open now to show how loud it is.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="80" />
        <source>You can be heard.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="80" />
        <source>Say something: the bar moves.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="96" />
        <source>No microphone was found.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="97" />
        <source>It cannot be opened: {why}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="98" />
        <source>Connect one and look again, or listen to a file.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="117" />
        <source>Look again</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../microphone_step.py" line="118" />
        <source>A file…</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>MixSlider</name>
    <message>
        <location filename="../mix_slider.py" line="23" />
        <source>How loud everything else is</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../mix_slider.py" line="30" />
        <source>Everything else</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../mix_slider.py" line="33" />
        <source>only the target</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../mix_slider.py" line="34" />
        <source>everything</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../mix_slider.py" line="51" />
        <source>Works once there is a target.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../mix_slider.py" line="53" />
        <source>No target is in the sound yet: everything is heard.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Moments</name>
    <message>
        <location filename="../moments.py" line="33" />
        <source>Record, and a click on a caption plays its moment.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../moments.py" line="37" />
        <source>The recording is on the engine's machine.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../moments.py" line="40" />
        <source>That was said before the recording began.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Pictures</name>
    <message>
        <location filename="../pictures.py" line="45" />
        <source>Spectrograms of what comes in and what goes out</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../pictures.py" line="48" />
        <source>in</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../pictures.py" line="163" />
        <location filename="../pictures.py" line="48" />
        <source>out</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../pictures.py" line="169" />
        <source>now</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>RecordingLine</name>
    <message>
        <location filename="../recording_line.py" line="21" />
        <source>Open the folder</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="47" />
        <source>Recording is on: everybody who can be heard should know and agree.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="50" />
        <source>Recording begins with the start: everybody who can be heard should know and agree.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="55" />
        <source>The recording is in {folder}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="56" />
        <source>Nothing is recorded.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="60" />
        <source>its data folder</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="61" />
        <source>It is kept on the engine's machine, in {folder}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="63" />
        <source>It stays on this computer, in {folder}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../recording_line.py" line="68" />
        <source>no program here opens folders; the recording is in {folder}</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>TargetRow</name>
    <message>
        <location filename="../target_row.py" line="26" />
        <source>Use {name}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="35" />
        <source>Gain of {name}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="40" />
        <source>Take {name} off the list</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="69" />
        <source>off</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="74" />
        <source>● present</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="74" />
        <source>○ absent</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="78" />
        <source>voice</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="78" />
        <source>sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="80" />
        <source>, removed</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="84" />
        <source>: its words only; no extractor is installed for its sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../target_row.py" line="85" />
        <source>: waits for the bundle {bundle}, which is not installed</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>TargetsBox</name>
    <message>
        <location filename="../targets_box.py" line="27" />
        <source>Everything is heard and captioned. Add a voice or a sound to ask for it alone.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../targets_box.py" line="31" />
        <source>Add a &amp;target…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../targets_box.py" line="41" />
        <location filename="../targets_box.py" line="37" />
        <source>Targets</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Transport</name>
    <message>
        <location filename="../transport.py" line="63" />
        <location filename="../transport.py" line="19" />
        <source>Start</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="21" />
        <source>&amp;Mute</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="24" />
        <source>Let nothing be heard (Ctrl+M); hold Ctrl+Space to mute</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="26" />
        <source>&amp;Record</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="29" />
        <source>Keep sound and captions in a folder (Ctrl+Shift+R)</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="33" />
        <source>A limiter stands before the headset: nothing gets louder than −1 dB.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="59" />
        <source>Stop</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="60" />
        <source>Starting…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="61" />
        <source>Stopping…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="62" />
        <source>Not connected</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="75" />
        <source>● limiter at work</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../transport.py" line="75" />
        <source>○ limiter at rest</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>VoicePick</name>
    <message>
        <location filename="../voice_pick.py" line="18" />
        <source>Enrolled voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voice_pick.py" line="19" />
        <source>Use this voice</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voice_pick.py" line="20" />
        <source>Enrolled already:</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>VoicesPage</name>
    <message>
        <location filename="../voices_page.py" line="29" />
        <source>Name</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="29" />
        <source>Clips</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="29" />
        <source>Speech</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="29" />
        <source>Noise</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="30" />
        <source>Enrolled voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="30" />
        <source>Last</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="36" />
        <source>Use</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="37" />
        <source>Test</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="38" />
        <source>Add a clip</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="39" />
        <source>Rename…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="40" />
        <source>Delete…</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="45" />
        <source>Voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="84" />
        <source>{snr:.0f} dB below</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="93" />
        <source>Nobody is enrolled yet.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="96" />
        <source>Stored in {file}, for you alone to read: {what}.</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="119" />
        <source>Rename</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="119" />
        <source>New name for {name}:</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="127" />
        <source>Delete {name} and all that is stored of this voice?</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="128" />
        <source>Delete</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../voices_page.py" line="151" />
        <source>Enrol a voice</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Window</name>
    <message>
        <location filename="../window.py" line="65" />
        <source>Listen</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../window.py" line="66" />
        <source>Voices</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../window.py" line="67" />
        <source>Engine</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../window.py" line="96" />
        <source>Page {name}</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../window.py" line="173" />
        <source>Push to mute everywhere: {why}.</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>Wording</name>
    <message>
        <location filename="../wording.py" line="14" />
        <source>this computer is too busy to pick out what you chose: you hear everything until it can again</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../wording.py" line="20" />
        <source>what you chose is picked out again; you heard everything for {seconds} s, because this computer was too busy</source>
        <translation type="unfinished" />
    </message>
</context><context>
    <name>WordsBox</name>
    <message>
        <location filename="../words_box.py" line="20" />
        <source>a dog barking</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../words_box.py" line="21" />
        <source>Words for a sound</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../words_box.py" line="24" />
        <source>What is wrong with the words</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../words_box.py" line="29" />
        <source>Suggestions</source>
        <translation type="unfinished" />
    </message>
    <message>
        <location filename="../words_box.py" line="35" />
        <source>Describe the sound in a few English words.</source>
        <translation type="unfinished" />
    </message>
</context></TS>
