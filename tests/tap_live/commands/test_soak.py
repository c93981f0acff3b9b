import msgspec
import pytest

from tap_live.soak.findings import Finding


@pytest.mark.slow
def test_two_minutes_with_faults_keep_every_promise(tap_live, tiny):
    code, out, err = tap_live("soak", "--hours", 2 / 60, "--seed", 1, "--whisper", tiny, "--json")
    found = msgspec.json.decode(out, type=list[Finding])
    assert [finding for finding in found if not finding.kept] == []
    assert code == 0, err
    said = {finding.what: finding.measured for finding in found}
    assert int(said["finals"]) > 20
    assert int(said["faults"].split(",")[0]) > 8
