import pytest

from tap_live.commands.chunking import Chunking
from tap_live.commands.extracting import asking
from tap_live.commands.generating import Generating
from tap_live.errors import BundleError, ConfigError


def test_without_the_bundle_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(BundleError, match=r"'clapsep', which is not installed: make it with") as no:
        asking(["text:a dog"], extractor="clapsep").extracting()
    assert "\n" not in str(no.value) and str(tmp_path) in str(no.value)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    wanted = "wanted --extractor compact, clapsep, gentse, none or a bundle"
    with pytest.raises(BundleError, match=wanted):
        asking(["text:a dog"], extractor=str(tmp_path / "nowhere")).extracting()


@pytest.mark.parametrize("hop", ["soon", "", "-1", "9"])
def test_a_hop_that_is_none_is_refused(tmp_path, monkeypatch, hop):
    folder = tmp_path / "clapsep"
    folder.mkdir()
    (folder / "manifest.json").write_text(
        '{"format": 1, "name": "clapsep", "kind": "clapsep", "licence": "", "made_by": "", '
        '"sources": [], "files": {}}'
    )
    with pytest.raises(ConfigError, match=r"hop|SECONDS"):
        asking(["text:a dog"], extractor=f"{folder}@{hop}").extracting()


def test_another_programs_manifest_in_this_folder_is_not_looked_at(tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text('{"name": "an extension", "manifest_version": 3}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for extractor in (None, "compact"):
        assert Chunking.parse(extractor) is None and Generating.parse(extractor) is None
    with pytest.raises(BundleError, match="'gentse', which is not installed"):
        Generating.parse("gentse")


@pytest.mark.parametrize("hop", ["soon", "", "-1"])
def test_a_hop_of_the_generative_model_that_is_none_is_refused(hop):
    with pytest.raises(ConfigError, match=r"hop|SECONDS"):
        Generating.parse(f"gentse@{hop}")


@pytest.fixture
def gentse(tmp_path):
    """The folder of a bundle of no graphs."""
    folder = tmp_path / "ana@home" / "gentse"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(
        '{"format": 1, "name": "gentse", "kind": "gentse", "licence": "", "made_by": "", '
        '"sources": [], "files": {}}'
    )
    return folder


@pytest.mark.parametrize(
    ("cut", "hop_s", "steps"),
    [("", None, None), ("@0.5", 0.5, None), ("@0.5s/4", 0.5, 4), ("@/20", None, 20)],
)
def test_hop_and_steps_of_the_generative_model_are_chosen_at_run_time(gentse, cut, hop_s, steps):
    for words in (f"{gentse}{cut}", f"gentse@{gentse}{cut}"):
        plan = Generating.parse(words)
        assert plan.bundle.folder == gentse
        assert (plan.config.hop_s, plan.steps) == (hop_s, steps)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ("/0", "wanted 1 to 20 steps of the flow, found 0"),
        ("0.5/21", "wanted 1 to 20 steps of the flow, found 21"),
        ("0.5/few", "gentse@SECONDS/STEPS or .*gentse@/STEPS, found '@0.5/few'"),
        ("soon/4", "gentse@SECONDS, found '@soon'"),
    ],
)
def test_steps_that_cannot_be_are_refused_under_the_name_that_was_given(gentse, cut, said):
    with pytest.raises(ConfigError, match=said):
        Generating.parse(f"{gentse}@{cut}")
    if "SECONDS" in said:
        with pytest.raises(ConfigError, match=f"--extractor {gentse}@"):
            Generating.parse(f"{gentse}@{cut}")


@pytest.mark.parametrize("cut", ["", "@0.5/4"])
def test_a_folder_without_the_generative_models_bundle_is_told_from_numbers(tmp_path, cut):
    other = tmp_path / "compact"
    other.mkdir()
    with pytest.raises(BundleError, match=r"no bundle at .*manifest.json is missing"):
        Generating.parse(f"gentse@{other}{cut}")
    (other / "manifest.json").write_text(
        '{"format": 1, "name": "mine", "kind": "voice", "licence": "", "made_by": "", '
        '"sources": [], "files": {}}'
    )
    with pytest.raises(BundleError, match=f"found one of voice in {other}"):
        Generating.parse(f"gentse@{other}{cut}")
    for nowhere in (tmp_path / "nowhere", "models/gentse", "0.5/few"):
        with pytest.raises(BundleError, match=f"there is no folder {nowhere}"):
            Generating.parse(f"gentse@{nowhere}{cut}")


@pytest.mark.parametrize(("target", "away"), [("voice:ben", ["voice:ana"]), ("voice:ana@-inf", [])])
def test_a_voice_cannot_be_taken_out_by_making_it_anew(gentse, target, away):
    with pytest.raises(ConfigError, match=r"makes voices anew .*'voice:ana' cannot be asked away"):
        asking([target], away, extractor=str(gentse)).extracting()


@pytest.fixture
def slow_bundle(tmp_path, monkeypatch):
    """A bundle of no graphs, whose contexts take 0.5 s a target."""

    class Network:
        samples, name, device = 320_000, "clapsep", "cpu"

        def __init__(self, bundle, where):
            self.compute_s = 0.0

        def warm_up(self, targets):
            self.compute_s = 0.5 * targets

    monkeypatch.setattr("tap_live.commands.chunking.ContextNetwork", Network)
    folder = tmp_path / "clapsep"
    folder.mkdir()
    (folder / "manifest.json").write_text(
        '{"format": 1, "name": "clapsep", "kind": "clapsep", "licence": "", "made_by": "", '
        '"sources": [], "files": {}}'
    )
    return folder


def test_a_machine_is_timed_with_the_targets_that_it_will_compute(slow_bundle):
    def plan(rest):
        asked = asking(["text:a dog"], ["text:music"], rest, extractor=f"{slow_bundle}@0.7")
        return asked.extracting()

    alone = plan(None)
    assert alone.full.network.compute_s == 0.5 and alone.spared == {"text:music"}
    assert alone.slow == ""
    both = plan("-18dB")  # music is taken out of the rest
    assert both.full.network.compute_s == 1.0 and both.spared == set()
    assert "takes 1.00 s here, which a hop of 0.7 s does not leave" in both.slow


def test_of_a_file_the_hop_does_not_depend_on_the_machine(slow_bundle):
    asked = asking(["text:a dog", "text:rain"], extractor=str(slow_bundle))
    live, offline = asked.extracting(), asked.extracting(live=False)
    assert live.full.make(48_000).lookahead > 2.5 * 48_000
    plan = offline.full.config.for_engine(offline.full.network.compute_s, 10.0)
    assert plan.hop == 32_000
