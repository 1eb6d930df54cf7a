"""The audit: silent on protected figures, loud as soon as any rule is left out."""

import base64
import gzip
import io
import itertools
import json
import unicodedata
import zipfile
from datetime import date

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hfcore.results import INSIDE_DTYPES, build_results
from hfcore.study import Municipality, Publication, Study
from hfpublish.audit import audit_files, audit_rows, audit_study, integer_programme, reconstruction
from hfpublish.audit.attacks import ATTACKS
from hfpublish.audit.leaks import Secrets, search
from hfpublish.audit.releases import Release, settled
from hfpublish.disclosure import RULES, protect

PLACE = Municipality(
    "1290", "K", date(2016, 5, 1), date(2021, 12, 31), date(2014, 5, 1), date(2021, 12, 1)
)
STUDY = Study("liten", {"sv": "S", "en": "S"}, True, date(2021, 12, 31), 2021, (PLACE,))
# Put together here, so that this file holds neither.
COORDINATION, HOME = "19811278" + "9873", "/ho" + "me"
WIDE = "19811218-9876".translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
NUMBERS = [rule for rule, _ in RULES]


def rows(metric, unit, **columns):
    frame = pd.DataFrame(columns)
    for name, key in (("key_n", 0.31), ("key_events", 0.73), ("key_at_risk", 0.17)):
        spread = (np.arange(len(frame)) * 0.137 + key) % 1
        frame = frame.assign(**{name: frame.get(name, spread)})
    return build_results(frame, metric=metric, unit=unit)


def counts(metric, numbers, key=0.0, **columns):
    keys = (np.arange(len(numbers)) * 0.211 + 0.35 + key) % 1
    return rows(
        metric,
        "count",
        estimate=[float(n) for n in numbers],
        n=numbers,
        key_n=keys,
        key_events=[np.nan] * len(numbers),
        **columns,
    )


def curve(events, at_risk, n=60):
    so_far = np.cumsum(events)
    return rows(
        "cumulative_incidence",
        "share",
        group="participant",
        cause="self_sufficiency",
        month=range(len(events)),
        estimate=so_far / n,
        n=n,
        n_events=so_far,
        n_at_risk=at_risk,
        key_n=0.5,
        key_events=0.5,
        key_at_risk=0.5,
    )


def exact_results():
    """Figures of which each rule has something to take out."""
    sizes = [41, 27, 63, 88, 35, 52, 74, 96, 110, 47, 58, 69]
    parts = [
        counts(
            "households",
            sizes,
            group="participant",
            dimension="part",
            level=[f"{k}" for k in range(12)],
        ),
        # A breakdown of seven closures.
        counts(
            "closure_reason",
            [4, 3],
            group="participant",
            dimension="reason",
            level=["work", "studies"],
        ),
        # Nobody died among twelve.
        counts("eligible", [12], cause="deceased", group="participant"),
        rows(
            "plan_changed",
            "share",
            group="participant",
            month=6,
            estimate=[30 / 95],
            n=[95],
            n_events=[30],
        ),
        rows(
            "saving_gross",
            "sek",
            estimate=[384_499.0],
            n=[30],
            largest=[300_000.0],
            second_largest=[40_000.0],
            sum_absolute=[384_499.0],
        ),
        rows("participation_mean", "months", group="participant", estimate=[13.62], n=[121]),
        rows(
            "queue_wait", "months", dimension="statistic", level=["median"], estimate=[7.0], n=[15]
        ),
        curve([0, 2, 5, 1, 9, 3], [60, 60, 50, 40, 30, 8]),
        rows(
            "support_effect",
            "sek_per_month",
            group="difference",
            dimension="window",
            level=["1-12"],
            estimate=[-1344.2],
            ci_low=[-2149.0],
            ci_high=[-451.0],
            n=[380],
            n_events=[95],
            df=[370.0],
        ),
        rows(
            "support_mean",
            "sek_per_month",
            group="participant",
            month=[3],
            estimate=[8400.0],
            n=[6],
        ),
        rows(
            "cost_per_household",
            "sek",
            group="participant",
            dimension="household",
            level=["h17"],
            estimate=[8400.0],
            n=[40],
        ),
        rows(
            "worktime_share",
            "hours",
            group="participant",
            dimension="category",
            level=["management"],
            estimate=[40.0],
            n=[5],
        ),
        rows(
            "queue_wait",
            "months",
            dimension="note",
            level=["Wants Anna Andersson back again"],
            estimate=[3.0],
            n=[40],
        ),
        rows("queue_wait", "months", variant="=1+1", estimate=[3.0], n=[40]),
    ]
    return pd.concat(parts, ignore_index=True).assign(
        study="liten", municipality="1290", notebook="n"
    )


def test_protected_figures_give_nothing_away():
    exact = exact_results()
    found = audit_rows(protect(exact, STUDY), STUDY, exact)
    assert found.empty, found.to_string()


@pytest.mark.parametrize("left_out", NUMBERS)
def test_leaving_out_any_rule_is_found(left_out):
    exact = exact_results()
    rules = tuple(each for each in RULES if each[0] != left_out)
    found = audit_rows(protect(exact, STUDY, rules=rules), STUDY, exact)
    assert left_out in set(found["rule"]), found.to_string()


def test_there_is_an_attack_for_every_rule():
    assert {rule for rule, _, _ in ATTACKS} >= set(NUMBERS)


@pytest.mark.parametrize(
    ("newcomers", "days", "is_found"),
    [
        (4, 90, True),
        (5, 90, False),
        (4, 91, False),
        (0, 0, False),
    ],
)
def test_two_releases_with_few_newcomers_are_found(newcomers, days, is_found):
    def at(number):
        return counts("households", [number], group="participant").assign(
            study="liten", municipality="1290", notebook="n"
        )

    now, last = at(100 + newcomers), at(100)
    release = Release(last, protect(last, STUDY), days)
    found = audit_rows(protect(now, STUDY), STUDY, now, [release])
    assert (15 in set(found["rule"])) == is_found
    kept = protect(settled(now, [release], STUDY.publication), STUDY)
    assert audit_rows(kept, STUDY, now, [release]).empty
    assert kept["n"].eq(protect(last, STUDY)["n"]).all() == (is_found or not newcomers)


@pytest.mark.parametrize(("changed", "tells"), [(5, 5), (12, 12)])
def test_the_number_of_those_who_changed_is_found(changed, tells):
    columns = {"estimate": [0.1], "n": [40], "n_events": [changed], "key_n": 0.5, "key_events": 0.5}
    exact = rows("plan_changed_over_time", "share", group="participant", **columns)
    exact = exact.assign(study="s", municipality="1290", notebook="n")
    assert audit_rows(protect(exact, STUDY), STUDY, exact).empty
    leaked = protect(exact, STUDY).assign(estimate=0.1, n_events=tells)
    leaked = leaked.astype({"n_events": "Int64"})
    assert "open model result" in set(audit_rows(leaked, STUDY, exact)["attack"])


def test_an_unknown_metric_is_withheld_and_a_leaked_one_found():
    exact = counts("households", [40]).assign(study="s", municipality="1290", notebook="n")
    shown = protect(exact, STUDY).assign(metric="shoe_size")
    assert audit_rows(shown, STUDY)["attack"].tolist() == ["unknown figure"]


def closed(cells, total, published=None):
    """Shares of the closed by cause as a reader sees them, with the true counts unmoved."""
    frame = pd.DataFrame({"cause": ["self_sufficiency", "moved", "negative"], "n_events": cells})
    frame = frame.assign(variant="default", estimate=frame["n_events"] / total)
    if published is not None:
        wide = frame.assign(variant="published", n_events=[published, 0, cells[2]])
        frame = pd.concat([frame, wide], ignore_index=True)
    built = build_results(
        frame.assign(n=total, group="participant"), metric="closure_share_naive", unit="share"
    )
    return built.assign(
        study="s", municipality="1290", notebook="n", protection="cell_key", base="50+"
    )


def test_exact_counts_give_the_five_who_moved():
    # 27 of 95 with those who moved, 25 without: without noise the two are known.
    found = reconstruction.findings(closed([25, 2, 68], 95, published=27), Publication())
    assert any(code == "1290" and "follow exactly" in told for code, told in found)


def test_groups_and_all_households_are_held_together():
    # 84–90 women and 3–8 men are 95–101 households: there cannot be fewer than five men.
    groups = pd.DataFrame({"dimension": "sex", "level": ["woman", "man"], "n": [87, 5], "month": 0})
    rows_ = pd.concat(
        [
            build_results(
                pd.DataFrame({"estimate": [98.0]}),
                metric="households",
                unit="count",
                group="participant",
            ),
            build_results(groups, metric="cumulative_incidence", unit="share", group="participant"),
        ]
    )
    known = reconstruction.reach(reconstruction.counts_of(rows_, Publication()))
    assert known[["low", "high", "alone"]].to_numpy().tolist() == [[5, 8, 6]]


def test_noise_leaves_the_small_cells_open():
    known = reconstruction.reach(reconstruction.counts_of(closed([25, 3, 67], 95), Publication()))
    assert (known["high"] - known["low"] >= 5).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_programme_finds_what_trying_everything_finds(seed):
    """Each unknown's least and largest value, by going through all that is possible."""
    chance = np.random.default_rng(seed)
    counts = integer_programme.Counts()
    true = chance.integers(1, 5, 5)
    for place, count in enumerate([*true, true[:3].sum(), true[3:].sum(), 9]):
        low = max(0, int(count) - int(chance.integers(0, 3)))
        counts.names[place,] = place
        counts.low.append(low)
        counts.high.append(int(count) + int(chance.integers(0, 3)))
    counts.tie(5, [0, 1, 2])
    counts.tie(6, [3, 4])
    if seed % 2:
        counts.sums.append({5: 1, 6: 1, 7: -1})
    spans = [range(low, high + 1) for low, high in zip(counts.low, counts.high, strict=True)]
    fits = [
        each
        for each in itertools.product(*spans)
        if all(sum(f * each[p] for p, f in tie.items()) == 0 for tie in counts.sums)
    ]
    systems = integer_programme.systems_of(counts)
    for target in ({0: 1}, {4: 1}, {5: 1}, {5: 1, 6: -1}, {7: 1, 0: -1}):
        values = [sum(f * each[p] for p, f in target.items()) for each in fits]
        expected = (min(values), max(values)) if values else (None, None)
        assert integer_programme.ends_of(counts, systems, target) == expected


def test_how_narrow_sums_make_counts_is_judged_over_all_that_is_published():
    tight, loose = closed([28, 6, 70], 95), closed([25, 3, 67], 95)
    alone = reconstruction.findings(tight, Publication())
    assert [code for code, told in alone if "narrower" in told] == ["all"]
    many = [loose.assign(municipality=f"{number:04}") for number in range(40)]
    assert reconstruction.findings(pd.concat([tight, *many]), Publication()) == []


def test_a_difference_that_is_shown_itself_is_no_finding():
    """27 − 25 is those who moved; that count stands beside, so the sum tells nothing new."""
    rows_ = closed([25, 0, 70], 95, published=27)
    known = reconstruction.reach(reconstruction.counts_of(rows_, Publication()))
    assert known["alone"].iloc[-1] == 4
    assert reconstruction.findings(rows_, Publication()) == []
    hidden = rows_.assign(n_events=rows_["n_events"].mask(rows_["cause"].eq("moved")))
    bare = reconstruction.reach(reconstruction.counts_of(hidden, Publication()))
    assert bare["alone"].max() == 13


def test_sums_at_the_ends_of_the_noise_are_found_by_the_programme():
    # The parts show 12 more than the whole: only one set of true counts can do that.
    rows_ = closed([28, 6, 73], 95)
    known = reconstruction.reach(reconstruction.counts_of(rows_, Publication()))
    assert (known["low"].eq(known["high"])).all()
    assert reconstruction.findings(rows_, Publication())


def test_a_sum_that_cannot_hold_is_left_out():
    rows_ = closed([60, 3, 67], 95)
    known = reconstruction.reach(reconstruction.counts_of(rows_, Publication()))
    assert known[["low", "high"]].to_numpy().tolist() == [[1, 6]]


@pytest.mark.parametrize(
    "text",
    [
        "19811218-9876",
        "811218-9876",
        "8112189876",
        "811218+9876",
        "1981-12-18-9876",
        "811218\u20119876",
        WIDE,
        COORDINATION,
        "x_8112189876_y",
        "811218\u200b-\u200b9876",
        "8\u00ad11218-9876",
    ],
)
def test_personal_numbers_are_found_in_any_notation(text):
    assert "personal number" in search(f"a ({text}) b".encode(), Secrets())


@pytest.mark.parametrize(
    "text",
    [
        "811218-9875",
        "20211231 2359",
        "1 135 680",
        "id=a8112189876b",
        "0.8112189876",
    ],
)
def test_other_numbers_are_left_alone(text):
    assert search(text.encode(), Secrets()) == set()


def growing(closed_by_cause):
    """Closures of one release as a reader sees them."""
    return closed(closed_by_cause, sum(closed_by_cause))


def test_two_releases_that_stand_bare_tell_who_came_between():
    # Nothing hides: the sums of both releases leave one set of true counts only.
    tight = Publication(noise_max=0)
    before, now = growing([25, 3, 67]), growing([27, 3, 70])
    assert reconstruction.findings_between(before, now, tight) == [
        "2 small changes follow exactly from two releases."
    ]


def test_noise_hides_who_came_between_two_releases():
    before, now = growing([25, 3, 67]), growing([27, 3, 70])
    assert reconstruction.findings_between(before, now, Publication()) == []
    assert reconstruction.findings_between(before, before, Publication()) == []


def png(text, size=2):
    info = PngInfo()
    info.add_text("Comment", text, zip=True)
    raw = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype="uint8")
    Image.fromarray(noise).save(raw, "PNG", pnginfo=info)
    return raw.getvalue()


def package(text):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/sharedStrings.xml", text)
    return raw.getvalue()


def table(text):
    raw = io.BytesIO()
    pd.DataFrame({"a": [text]}).to_parquet(raw)
    return raw.getvalue()


def uri(content, kind="image/png"):
    return b'<img src="data:' + kind.encode() + b";base64," + base64.b64encode(content) + b'">'


SECRET = "Anna Ängström"
WRAPPED = {
    "plain": SECRET.encode(),
    "upper case": SECRET.upper().encode(),
    "html": b"Anna &Auml;ngstr&#246;m",
    "url": b"?q=Anna%20%C3%84ngstr%C3%B6m",
    "json": b'"Anna \\u00c4ngstr\\u00f6m"',
    "utf-16": SECRET.encode("utf-16"),
    "utf-16, other order": SECRET.encode("utf-16-be"),
    "letters from parts": unicodedata.normalize("NFD", SECRET).encode(),
    "no width": "Anna\u200b Ång".replace("Ång", "Ängs\u00adtröm").encode(),
    "picture in a notebook": json.dumps(
        {"image/png": base64.b64encode(png(SECRET, 300)).decode()}
    ).encode(),
    "png": png(SECRET),
    "zip": package(SECRET),
    "gzip": gzip.compress(SECRET.encode()),
    "parquet": table(SECRET),
    "picture in a page": uri(png(SECRET)),
    "parquet in a zip in a page": uri(package(table(SECRET)), "application/zip"),
    "base64": base64.b64encode(SECRET.encode()),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_canary_is_found_however_it_is_packed(name):
    from hfpublish.audit.leaks import forms_of

    assert search(WRAPPED[name], Secrets(words=forms_of([SECRET]))) == {"canary"}
    assert search(WRAPPED[name], Secrets(words=forms_of(["Somebody Else"]))) == set()


def test_amounts_one_below_the_other_are_no_personal_number():
    # The digits of the two, one after the other, are a specimen number of 1981.
    amounts, raw = pd.DataFrame({"amount_sek": [8112.18, 9876.5]}), io.BytesIO()
    amounts.to_parquet(raw)
    assert search(raw.getvalue(), Secrets()) == set()
    assert search(table("811218-9876"), Secrets()) == {"personal number"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (f'src="{HOME}/anna/x.csv"'.encode(), "path"),
        (b"C:\\Users\\anna", "path"),
        (b"see /data/of-this-study/raw", "path"),
        (b"made by annang on it", "user or host name"),
        (b"<i>a1b2c3d4e5</i>", "pseudonym"),
        (b"x" + bytes(range(32)) + b"y", "key"),
    ],
)
def test_traces_of_machine_and_key_are_found(content, kind):
    secrets = Secrets(
        pseudonyms=frozenset({"a1b2c3d4e5"}),
        raw=(bytes(range(32)),),
        names=("annang",),
        paths=("/data/of-this-study",),
    )
    assert search(content, secrets) == {kind}


@pytest.mark.parametrize(
    "content",
    [
        b'href="../home/index.html"',
        f"https://example.org{HOME}/x".encode(),
        b"annangela",
        b":root { }",
    ],
)
def test_ordinary_pages_are_left_alone(content):
    assert search(content, Secrets(names=("annang",))) == set()


@pytest.fixture
def processed(tmp_path, monkeypatch):
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    (tmp_path / "raw" / "liten").mkdir(parents=True)
    folder = tmp_path / "processed" / "liten"
    for name in ("site/1290/sv", "protected", "tables/record_keys/municipality=1290", "quarantine"):
        (folder / name).mkdir(parents=True)
    keys = pd.DataFrame({"id": ["a1b2c3d4e5"], "record_key": [0.5]})
    keys.to_parquet(folder / "tables/record_keys/municipality=1290/part.parquet")
    (folder / "site/1290/sv/index.html").write_text("<html lang='sv'>26 hushåll</html>")
    (folder / "protected/results.csv").write_text("metric,level,estimate\nflow,b,-3\n")
    return folder


def test_a_clean_site_is_clean(processed):
    assert audit_files(processed, STUDY).empty


@pytest.mark.parametrize(
    ("name", "content", "attack"),
    [
        ("site/1290/sv/index.html", b"Hej 811218-9876", "bytes"),
        ("site/1290/sv/index.html", b"a1b2c3d4e5", "bytes"),
        ("site/1290/sv/index.html", b"<svg><path d='M0 0'/></svg>", "vector picture"),
        ("site/figure.svg", b"<x/>", "vector picture"),
        ("site.new/index.html", "Kanarievägen 4".encode(), "bytes"),
        ("protected/results.csv", b"metric,level,estimate\nflow,=1+1,3\n", "formula"),
        ("run.json", b'{"error": "Kanariev\\u00e4gen 4"}', "bytes"),
        ("inside/1290/30.html", "<pre>Kanarievägen 4</pre>".encode(), "bytes"),
        ("quarantine/households.csv", b"row\n811218-9876\n", "bytes"),
    ],
)
def test_what_must_not_stand_is_found_where_it_stands(processed, name, content, attack):
    path = processed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    found = audit_files(processed, STUDY, canaries=["Kanarievägen 4"])
    assert found["attack"].tolist() == [attack]
    assert found["where"].tolist() == [name]
    assert "811218" not in found.to_string() and "Kanarie" not in found.to_string()


def test_the_folder_of_the_data_is_told_nowhere(processed, tmp_path):
    (processed / "site/index.html").write_text(f"read from {tmp_path.resolve()}/raw")
    assert audit_files(processed, STUDY)["found"].tolist() == ["It holds a path."]


def test_the_same_bytes_are_told_wherever_they_stand(processed):
    for name in ("site/a.html", "site/1290/b.html"):
        (processed / name).write_text("811218-9876")
    found = audit_files(processed, STUDY)
    assert sorted(found["where"]) == ["site/1290/b.html", "site/a.html"]


def test_canaries_may_be_listed_beside_the_raw_files(processed, tmp_path):
    (tmp_path / "raw/liten/canaries.txt").write_text("Anna Kanarie\n\n", encoding="utf-8")
    (processed / "site/1290/sv/index.html").write_text("anna kanarie")
    assert len(audit_files(processed, STUDY)) == 1


def test_a_site_that_waits_is_judged_in_place_of_the_one_it_replaces(processed):
    (processed / "site/old.html").write_text("811218-9876")
    assert len(audit_files(processed, STUDY)) == 1
    (processed / "site.new").mkdir()
    assert audit_files(processed, STUDY).empty
    (processed / "site.new/index.html").write_text("811218-9876")
    assert audit_files(processed, STUDY)["where"].tolist() == ["site.new/index.html"]


def test_a_study_is_attacked_from_rows_to_bytes(processed, monkeypatch):
    exact = exact_results()
    for name, frame in (("results", exact), ("protected", protect(exact, STUDY))):
        path = processed / name / "municipality=1290" / "n.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, index=False)
    monkeypatch.setattr("hfcore.store.load_study", lambda name: STUDY)
    assert audit_study("liten").empty
    bare = exact.assign(protection="none", base="50+").drop(columns=list(INSIDE_DTYPES))
    bare.to_parquet(processed / "protected" / "municipality=1290" / "n.parquet", index=False)
    assert set(audit_study("liten")["rule"]) >= {1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14}


def test_inside_pages_may_hold_pseudonyms(processed):
    (processed / "inside").mkdir()
    (processed / "inside/x.html").write_text("a1b2c3d4e5")
    assert audit_files(processed, STUDY).empty


def test_a_name_of_a_file_is_searched_too(processed):
    (processed / "site/811218-9876.html").write_text("x")
    assert audit_files(processed, STUDY)["attack"].tolist() == ["bytes"]
