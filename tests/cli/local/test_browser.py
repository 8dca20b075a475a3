"""The page in a browser, as a person uses it: drop a file, see its presets, try a transformation."""

import re
import shutil
import threading
import time

import pytest

from cli.embedded.environment import ORIGINALS
from support.local_run import Run, closed_project
from support.originals import NOT_AN_IMAGE, picture

pytestmark = pytest.mark.slow

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": (1280, 900), "phone": (375, 812)}
PATIENCE_MILLISECONDS = 20_000

DROP = """(zone, files) => {
    const transfer = new DataTransfer();
    for (const { name, type, bytes } of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    for (const kind of ["dragenter", "dragover", "drop"])
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""
REALLY_LOADED = "image => image.classList.contains('loaded') && image.complete && image.naturalWidth > 0"


@pytest.fixture(scope="module")
def chromium():
    sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def run(chromium, tmp_path_factory):
    running, ended = Run(tmp_path_factory.mktemp("browser") / "data").open(), threading.Event()
    reader = threading.Thread(target=read_along, args=[running, ended])
    reader.start()
    yield running
    ended.set()
    reader.join()
    running.end()


def read_along(running, ended):
    """Read what the run prints: it stands still when nobody does."""
    while not ended.wait(0.2):
        running.log()


@pytest.fixture
def opened(chromium, run):
    """Opens the page, and has seen in the end that the browser had nothing to complain of."""
    contexts, complaints = [], []

    def at(place="", size="desktop", **options):
        width, height = SIZES[size]
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{run.port}/{place}")
        page.locator(".facts dd").first.wait_for()
        return page

    yield at
    for context in contexts:
        context.close()
    # The browser itself notes a 400 that a test has asked for, and a 404 of an original that was removed meanwhile.
    assert [text for text in complaints if not re.search("status of 40[04]", text)] == []


@pytest.fixture
def page(opened):
    return opened()


@pytest.fixture
def closed(tmp_path):
    """A run of a project where nothing is answered without a signature, and one original in it."""
    running = Run(tmp_path / "data", project=closed_project(tmp_path / "project")).open()
    yield running
    running.end()


def drop(page, *files):
    described = [{"name": name, "type": "image/png", "bytes": list(body)} for name, body in files]
    page.locator("#drop").evaluate(DROP, described)


def original(page, key):
    """The section of an original, once it is there."""
    heading = page.get_by_role("heading", name=key, exact=True)
    section = page.locator("li.original").filter(has=heading)
    section.scroll_into_view_if_needed()
    return section


def pictures(page, key):
    """The pictures of an original, once they are there and really loaded."""
    section = original(page, key)
    images = section.locator("figure img")

    def all_loaded():
        section.scroll_into_view_if_needed()
        for image in images.all():
            image.scroll_into_view_if_needed()
        return images.count() and all(image.evaluate(REALLY_LOADED) for image in images.all())

    assert until(all_loaded), f"the pictures of {key} did not load"
    return images.all()


def try_out(page, query, key=None):
    """Ask for a transformation of an original, or of the one that the workbench is at."""
    button = original(page, key).locator(".try") if key else None
    if button and button.get_attribute("aria-expanded") == "false":
        button.click()
    page.get_by_label("Transformation", exact=True).fill(query)


def shown(page):
    """What is said of the picture on the workbench, once it is there."""
    page.locator(".stage[aria-busy=false]").wait_for()
    names, values = page.locator(".facts dt").all_inner_texts(), page.locator(".facts dd").all_inner_texts()
    return {name: value.splitlines()[0] for name, value in zip(names, values, strict=True)}


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_a_dropped_file_appears_with_its_presets(page, run):
    drop(page, ("dropped.png", picture((640, 480), form="PNG")))
    images = pictures(page, "dropped.png")
    labels = original(page, "dropped.png").locator(".label").all_inner_texts()
    assert labels == ["thumbnail", "card", "article 480", "article 960", "article 1600", "social"]
    sizes = [image.evaluate("image => [image.naturalWidth, image.naturalHeight]") for image in images]
    assert sizes == [[200, 200], [480, 320], [480, 360], [640, 480], [640, 480], [1200, 630]]
    assert run.s3.head_object(Bucket=ORIGINALS, Key="dropped.png")["ContentType"] == "image/png"


def test_files_go_into_the_named_folder_and_odd_names_stay_as_they_are(page, run):
    folder, name = "été 2026/<b>", "<script>alert(1) 100% + 🎈 &?#.png"
    page.get_by_label("into folder").fill(f"/{folder}/")
    drop(page, (name, picture(form="PNG")))
    key = f"{folder}/{name}"
    assert len(pictures(page, key)) == 6
    try_out(page, "w=31&fm=png", key)
    assert until(lambda: shown(page).get("Size") == "31 × 21")
    copied = page.locator(".url a").get_attribute("href")
    assert run.ask(copied.removeprefix(f"http://127.0.0.1:{run.port}")).status == 200


def test_several_chosen_files_are_uploaded_and_what_is_no_picture_says_why(page):
    files = [("one.png", picture(form="PNG")), ("letter.png", NOT_AN_IMAGE), ("two.png", picture(form="PNG"))]
    page.locator("#files").set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": body} for name, body in files]
    )
    assert len(pictures(page, "one.png")) == len(pictures(page, "two.png")) == 6
    refused = original(page, "letter.png").locator(".refused")
    refused.wait_for()
    assert refused.inner_text().startswith("Refused (415): expected an image")
    assert "Refused" in page.locator("#uploads").inner_text()


def test_the_workbench_is_open_from_the_start_with_a_preset(page):
    assert until(lambda: shown(page).get("Cache") == "HIT")
    assert page.get_by_label("Transformation", exact=True).input_value().startswith("preset=")
    assert page.locator(".presets [aria-pressed=true]").count() == 1


def test_a_transformation_is_shown_with_what_is_to_be_known_of_it(page, run):
    key = "samples/landscape.jpg"
    try_out(page, "w=211&h=97&fit=crop&fm=webp", key)
    assert until(lambda: shown(page).get("Size") == "211 × 97")
    facts = shown(page)
    assert (facts["Format"], facts["Cache"]) == ("webp", "MISS")
    assert facts["Bytes"].endswith("B")
    assert facts["Time"].endswith("ms")
    image = page.locator(".stage img")
    assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [211, 97]
    url = f"http://127.0.0.1:{run.port}/{key}?w=211&h=97&fit=crop&fm=webp"
    assert page.locator(".url a").inner_text() == url
    page.get_by_label("Transformation", exact=True).press("Enter")
    assert until(lambda: shown(page).get("Cache") == "HIT")
    asked = original(page, key).locator("figure.asked", has_text="w=211,h=97,fit=crop.webp")
    asked.wait_for()
    assert until(lambda: asked.locator(".pixels").inner_text() == "211 × 97")


def test_a_mistake_is_shown_as_its_sentence_and_goes_with_it(page):
    try_out(page, "w=abc", "samples/portrait.jpg")
    mistake = page.locator(".mistake")
    mistake.wait_for()
    assert mistake.inner_text() == (
        "Expected integer from 1 to 8192, or a share of the original from 0.000001 to 1.0 for w, received 'abc'."
    )
    try_out(page, "w=120")
    mistake.wait_for(state="hidden")
    assert until(lambda: shown(page).get("Size", "").startswith("120 ×"))


def test_controls_write_the_text_and_the_text_moves_the_controls(page):
    try_out(page, "w=150", "samples/transparent.png")
    controls = page.locator(".controls")
    controls.get_by_label("h height in pixels").fill("90")
    controls.get_by_label("fit how the picture").select_option("fill")
    page.locator("details", has_text="background").locator("summary").click()
    controls.get_by_label("bg colour behind").fill("tomato")
    field = page.get_by_label("Transformation", exact=True)
    assert field.input_value() == "w=150&h=90&fit=fill&bg=tomato"
    assert until(lambda: shown(page).get("Size") == "150 × 90")
    try_out(page, "width=160&fit=crop&crop=top,left")
    assert controls.get_by_label("w width in pixels").input_value() == "160"
    assert controls.get_by_label("fit how the picture").input_value() == "crop"
    assert controls.get_by_label("bg colour behind").input_value() == ""
    assert [box for box in ("top", "bottom", "left") if controls.get_by_label(box, exact=True).is_checked()] == [
        "top",
        "left",
    ]
    controls.get_by_label("w width in pixels").fill("170")
    assert field.input_value() == "w=170&fit=crop&crop=top,left"


def test_what_another_client_uploads_and_removes_is_seen(page, run):
    run.s3.put_object(Bucket=ORIGINALS, Key="from elsewhere.png", Body=picture(form="PNG"))
    section = original(page, "from elsewhere.png")
    assert len(pictures(page, "from elsewhere.png")) == 6
    run.s3.delete_object(Bucket=ORIGINALS, Key="from elsewhere.png")
    section.wait_for(state="detached")


def test_what_a_person_edits_stays_whatever_happens_elsewhere(opened, run):
    key, others = "edited.png", [f"others/{number}.png" for number in range(26)]
    run.s3.put_object(Bucket=ORIGINALS, Key=key, Body=picture((300, 200), form="PNG"))
    page = opened()
    pictures(page, key)
    try_out(page, "w=2", key)
    field, section = page.get_by_label("Transformation", exact=True), original(page, key)
    for other in others:  # more than the page lists, so that this one would leave the list
        run.s3.put_object(Bucket=ORIGINALS, Key=other, Body=picture((30, 20), form="PNG"))
    original(page, others[-1])
    page.keyboard.type("2&h=11")
    run.s3.put_object(Bucket=ORIGINALS, Key=key, Body=picture((90, 60), form="PNG"))  # it would become the first
    assert until(lambda: "90 × 60" in section.locator(".summary").inner_text())
    page.keyboard.type("&fit=crop")
    assert field.input_value() == "w=22&h=11&fit=crop"
    assert section.locator(".workbench").count() == 1
    assert until(lambda: shown(page).get("Size") == "22 × 11")
    run.s3.delete_objects(Bucket=ORIGINALS, Delete={"Objects": [{"Key": name} for name in (key, *others)]})
    section.get_by_text("This original was removed from the bucket.").wait_for()
    assert field.evaluate("field => field === document.activeElement")
    assert field.input_value() == "w=22&h=11&fit=crop"
    page.get_by_role("button", name=f"Close {key}", exact=True).click()
    section.wait_for(state="detached")


def test_an_original_is_replaced_and_removed_from_the_page(page, run):
    drop(page, ("mine.png", picture((300, 200), form="PNG")))
    pictures(page, "mine.png")
    section = original(page, "mine.png")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Replace… mine.png", exact=True).click()
    other = {"name": "other name.png", "mimeType": "image/png", "buffer": picture((90, 60), form="PNG")}
    chooser.value.set_files(other)
    assert until(lambda: "90 × 60" in section.locator(".summary").inner_text())
    first = pictures(page, "mine.png")[2]
    assert first.evaluate("image => image.naturalWidth") == 90
    page.get_by_role("button", name="Remove mine.png", exact=True).click()
    page.get_by_role("button", name="Really remove? mine.png", exact=True).click()
    section.wait_for(state="detached")
    assert "Contents" not in run.s3.list_objects_v2(Bucket=ORIGINALS, Prefix="mine.png")


def test_one_original_of_many_is_found_by_name(page):
    page.get_by_label("Find by name").fill("LANDSCAPE")
    page.locator("h3", has_text="portrait").wait_for(state="detached")
    assert page.locator("h3").all_inner_texts() == ["samples/landscape.jpg"]
    page.get_by_label("Find by name").fill("no such name")
    page.get_by_text("No original has “no such name” in its name.").wait_for()


def test_a_link_leads_to_its_original(opened):
    page = opened("#samples%2Fportrait.jpg")
    original(page, "samples/portrait.jpg").locator(".workbench").wait_for()
    assert until(lambda: "samples/portrait.jpg?preset=" in page.locator(".url a").inner_text())


def test_the_url_is_copied(opened, run):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    section = original(page, "samples/landscape.jpg")
    section.get_by_role("button", name="Copy the URL preset=card").click()
    expected = f"http://127.0.0.1:{run.port}/samples/landscape.jpg?preset=card"
    assert until(lambda: page.evaluate("navigator.clipboard.readText()") == expected)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window_and_everything_has_a_name(opened, size, scheme):
    page = opened(size=size, color_scheme=scheme)
    pictures(page, "samples/landscape.jpg")
    page.evaluate("document.querySelectorAll('details').forEach(details => (details.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a")].filter((element) =>
            !(element.ariaLabel || element.innerText || element.labels?.[0]?.innerText ||
              element.querySelector("img[alt]:not([alt=''])"))).map((element) => element.outerHTML)"""
    )
    assert unnamed == []
    assert page.locator("img:not([alt])").count() == 0


def test_the_page_can_be_used_by_keyboard_alone(page):
    page.get_by_role("button", name="Try samples/animated.gif", exact=True).focus()
    page.keyboard.press("Enter")
    focused = page.locator(":focus")
    assert focused.get_attribute("id") == "query"
    outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("w=44&fm=png")
    assert until(lambda: shown(page).get("Size", "").startswith("44 ×"))


def test_where_nothing_is_open_the_page_signs_what_it_asks_for(chromium, closed):
    page, refused = chromium.new_page(), []
    page.on("response", lambda response: response.status >= 400 and refused.append(response.url))
    page.goto(f"http://127.0.0.1:{closed.port}/")
    assert len(pictures(page, "samples/landscape.jpg")) == 6
    try_out(page, "w=111&h=60&fit=crop&crop=top,left", "samples/landscape.jpg")
    page.locator(".workbench .url a", has_text="w=111&h=60&fit=crop&crop=top,left&sig=k1.").wait_for()
    assert until(lambda: shown(page).get("Size", "").startswith("111 × 60"))
    assert until(lambda: len(pictures(page, "samples/landscape.jpg")) == 7)
    assert refused == []
    page.close()
