"""The page in a real browser: every shown number against the engine, keys, accessibility, what must never happen."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from page_oracle import NUMBERS, apart, expected_steps, expressions, near

from microgradnet import Value, name, nn, operation, sigmoid
from microgradnet import functions as F
from microgradnet.drawing.page import make_page
from microgradnet.graph import Graph
from microgradnet.ops import TABLE

pytestmark = pytest.mark.browser

HOSTILE = (
    "\"quoted\" 'single'", "<script>window.hacked = 1</script>", "</script><img src=x onerror='window.hacked=2'>",
    "back\\slash \\n \\u003c", "{braces} ${window.hacked=3} {{0}}", "two\nlines\r\n\ttab", "$x^2$ \\(y\\) %s %d",
    "\u202eright to left אבג", "😀 👩‍👩‍👧 вес", "&amp; &lt; &#x3c;", "<!-- --> ]]> -->", "javascript:window.hacked=4",
    "__proto__", "constructor", " ", "a" * 300,
)  # fmt: skip
LOOKS = list(itertools.product(("light", "dark"), (1200, 390)))


def article() -> Value:
    """The article's loss for Alice, as README writes it."""
    x1, x2, y = -2, -1, 1
    w1, w2, w3, w4, w5, w6 = (Value(1.0) for _ in range(6))
    b1, b2, b3 = (Value(0.0) for _ in range(3))
    h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
    h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
    ypred = sigmoid(w5 * h1 + w6 * h2 + b3)
    L = (y - ypred) ** 2
    name(**{k: v for k, v in locals().items() if isinstance(v, Value)})
    return L


# ---------------------------------------------------------------- a page that is watched


class Opened:
    """A page in a browser without a network; what it must not do (requests, console, errors) is in `complaints`."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.complaints = page, list[str]()
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self._requested(request.url))
        self.allowed = address.partition("#")[0]
        page.goto(address)

    def _requested(self, address: str) -> None:
        if address.partition("#")[0] != self.allowed and not address.startswith("data:"):
            self.complaints.append(f"request: {address[:200]}")

    def ask(self, function: str, argument: Any = None) -> Any:
        return self.page.evaluate(function, argument)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    @property
    def step(self) -> int:
        return int(self.page.get_attribute("#card", "data-step"))

    def card(self) -> dict[str, list[float]]:
        """The numbers that the card shows, in full, by what they are."""
        told = self.ask(
            """() => [...document.querySelectorAll("#card data.num[data-of]")].map((d) => [d.dataset.of, d.value])"""
        )
        out: dict[str, list[float]] = {}
        for of, value in told:
            out.setdefault(of, []).append(js_number(value))
        return out

    def table(self) -> tuple[dict[int, float], dict[int, float]]:
        """Data and gradients that the table of nodes shows."""
        told = self.ask(
            """() => [...document.querySelectorAll("#nodes tr[data-node]")].map((row) => [
                Number(row.dataset.node),
                row.querySelector("td.data data")?.value ?? null,
                row.querySelector("td.grad data")?.value ?? null,
            ])"""
        )
        return (
            {node: js_number(data) for node, data, _ in told if data not in (None, "")},
            {node: js_number(grad) for node, _, grad in told if grad not in (None, "")},
        )


def js_number(text: str) -> float:
    return {"true": 1.0, "false": 0.0}.get(text) if text in ("true", "false") else float(text)


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open the page of a Value (or a page's HTML) and watch it; at the end nobody may have complained."""
    contexts: list[Any] = []
    opened: list[Opened] = []

    def open_page(
        of: Any, fragment: str = "", *, scheme: str = "light", width: int = 1200, context: Any = None, **given: Any
    ) -> Opened:
        html = of if isinstance(of, str) else make_page(of, **given).html()
        path = tmp_path / f"page{len(opened)}.html"
        path.write_text(html, "utf-8")
        context = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, **(context or {})}
        contexts.append(chromium.new_context(offline=True, **context))
        contexts[-1].set_default_timeout(5000)
        opened.append(Opened(contexts[-1].new_page(), path.as_uri() + fragment))
        return opened[-1]

    yield open_page
    complaints = [complaint for page in opened for complaint in page.complaints]
    for context in contexts:
        context.close()
    assert complaints == []


# ---------------------------------------------------------------- every step, every number


def fan_out() -> Value:
    """Nodes of many uses, masks that send nothing, comparisons, an operation of three operands."""
    a, b = Value(1.5, "a"), Value(-0.7, "b")
    both = (a * b + a).relu() + a.exp() * a
    kept = F.where(a > b, both * a, b.log())
    return F.maximum(kept, b) + F.clip(a, -1.0, 1.0) * b + b.abs()


def network() -> Value:
    """A network of `nn`, each weighted sum one operation."""
    model = nn.MLP(2, [2, 1], activation="sigmoid", output="sigmoid", seed=3)
    out = model([Value(-2.0, "x1"), Value(-1.0, "x2")])
    return (1 - out) ** 2


def of_all_kinds() -> Value:
    """Operations of any number of operands, infinities, nan, negative zeros, very small and very large numbers."""
    x = [Value(v, f"x{i}") for i, v in enumerate((0.3, -1.2, 1e-200, 3e150))]
    inner = F.logsumexp(x[:3]) + F.softmax(x[:3])[1] + F.mean(x) * 1e-150 + F.take(x, 1) ** 3 + 2 ** x[1]
    edges = F.sqrt(x[2]) * F.log(x[0] * 0) + F.floor(x[1]) * -0.0
    return inner + F.erf(x[0]) + F.gelu(x[1]) + F.hypot(x[0], x[1]) + edges


EXAMPLES = {f.__name__: f for f in (article, fan_out, network, of_all_kinds)}


@pytest.mark.parametrize("which", EXAMPLES)
def test_every_step_by_key_shows_the_engine_s_numbers(show: Callable[..., Opened], which: str) -> None:
    value = EXAMPLES[which]()
    value.backward()
    graph = Graph(value)
    steps = expected_steps(graph)
    page = show(value)
    page.press("Home")
    compared = 0
    for number, step in enumerate(steps):
        if number:
            page.press("ArrowRight")
        assert page.step == number
        card, (data, gradient) = page.card(), page.table()
        for of, wanted in step.numbers.items():
            assert card.get(of), f"step {number}, {step.kind} of {graph.names[step.node]}: no {of} in {card}"
            assert all(near(got, wanted) for got in card[of]), (number, step, card)
            compared += len(card[of])
        assert data.keys() == step.data.keys(), number
        assert gradient.keys() == step.gradient.keys(), number
        assert all(near(data[node], step.data[node]) for node in data)
        assert all(near(gradient[node], step.gradient[node]) for node in gradient)
        compared += len(data) + len(gradient)
    page.press("ArrowRight")
    assert page.step == len(steps) - 1
    for node, got in page.table()[1].items():
        if isinstance(graph.nodes[node], Value):
            assert near(got, graph.nodes[node].grad)
            compared += 1
    print(f"{which}: {len(graph)} nodes, {len(steps)} steps, {compared} numbers compared")


def test_updates_follow_with_a_rate(show: Callable[..., Opened]) -> None:
    value = article()
    value.backward()
    graph = Graph(value)
    page = show(value, rate=0.1)
    page.press("End")
    first = len(expected_steps(graph))
    leaves = [i for i, node in enumerate(graph.nodes) if node.label and re.fullmatch(r"[wb]\d", node.label)]
    assert page.step == first - 1 + len(leaves)
    seen = set()
    for number in range(first, first + len(leaves)):
        page.ask("(n) => window.page.go(n)", number)
        card = page.card()
        node = next(
            i for i in leaves if near(card["after"][0], graph.data[i] - 0.1 * graph.nodes[i].grad) and i not in seen
        )
        seen.add(node)
    assert seen == set(leaves)


# ---------------------------------------------------------------- sliders: the page computes


def now(page: Opened) -> tuple[list[float], list[float | None]]:
    """Data and gradients of all nodes as the page has computed them last."""
    told = page.ask(
        """() => {
            const text = (x) => x === null || x === undefined ? null : Object.is(x, -0) ? "-0" : String(x);
            return [window.page.data(), window.page.gradient()].map((all) => Array.from(all, text));
        }"""
    )
    data, gradient = ([None if x is None else js_number(x) for x in numbers] for numbers in told)
    return data, gradient


def leaves_of(graph: Graph) -> list[int]:
    return [i for i, op in enumerate(graph.operations) if not op]


@pytest.mark.parametrize("op", sorted(TABLE))
def test_random_expressions_are_recomputed_as_python_does(chromium: Any, op: str) -> None:
    context = chromium.new_context(offline=True)
    tab = context.new_page()
    complaints: list[str] = []
    compared: list[int] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))

    @seed(zlib.crc32(op.encode()))  # other expressions for each operation, the same in every run
    @given(value=expressions(op), moves=st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=1, max_size=3))
    @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def holds(value: Value, moves: list[list[float]]) -> None:
        graph = Graph(value)
        tab.goto("about:blank")  # with its own scripts: what the page before declared would stay
        tab.set_content(make_page(value).html())
        page = Opened.__new__(Opened)
        page.page = tab
        places = dict.fromkeys(leaves_of(graph), 0.0)
        for numbers in [[graph.data[i] for i in places], *moves]:
            at = dict(zip(places, numbers, strict=False))
            for leaf, x in at.items():
                page.ask("([leaf, x]) => window.page.set(leaf, x)", [leaf, x])
            data, gradient = now(page)
            assert apart(graph, at, data, gradient) == []
            compared.append(len(data) + len(gradient))

    try:
        holds()
    finally:
        context.close()
    assert complaints == []
    print(f"{op}: {sum(compared)} numbers compared")
    assert sum(compared) >= 20


def test_a_slider_and_a_number_field_move_everything(show: Callable[..., Opened]) -> None:
    value = article()
    graph = Graph(value)
    page = show(value)
    page.press("End")
    leaf = graph.names.index("w1")
    slider = page.page.locator(f'input[type=range][data-leaf="{leaf}"]')
    field = page.page.locator(f'input[type=number][data-leaf="{leaf}"]')
    field.fill("-0.75")
    field.press("Enter")
    for _ in range(2):
        x = float(field.input_value())
        moved = graph.replay({"w1": x})
        data, gradient = now(page)
        assert apart(graph, {leaf: x}, data, gradient) == []
        shown, slopes = page.table()
        assert all(near(shown[i], moved.data[i]) for i in shown)
        assert all(near(slopes[i], moved.gradient()[i]) for i in slopes)
        assert len(shown) == len(slopes) == len(leaves_of(graph)) + sum(map(bool, graph.operations))
        difference = [js_number(d) for d in page.ask(
            "() => [...document.querySelectorAll('#difference data')].map((d) => d.value)")]  # fmt: skip
        assert any(abs(d - moved.gradient()[leaf]) <= 1e-6 * abs(d) for d in difference), difference
        slider.focus()
        page.press("ArrowRight")
        assert float(field.input_value()) > x
    assert page.step == len(expected_steps(graph)) - 1


@pytest.mark.parametrize("typed", ["", "1e400", "abc", "-", "1e-320"])
def test_a_field_that_holds_no_number_breaks_nothing(show: Callable[..., Opened], typed: str) -> None:
    page = show(article())
    before = now(page)
    field = page.page.locator("input[type=number][data-leaf]").first
    field.press("Control+a")
    page.page.keyboard.type(typed)
    field.press("Enter")
    page.press("Tab")
    if typed != "1e-320":
        assert now(page) == before


def test_an_operation_of_one_s_own_keeps_its_number(show: Callable[..., Opened]) -> None:
    """It is Python, so the page cannot compute it; it says so, and steps through all the same."""

    @operation(partials=lambda y, x: 3 * x**2)
    def cube(x: float) -> float:
        return x**3

    value = cube(Value(2.0, "x")) * Value(3.0, "k")
    page = show(value)
    page.press("End")
    data, gradient = page.table()
    assert sorted(data.values()) == [2.0, 3.0, 8.0, 24.0]
    assert sorted(gradient.values()) == [1.0, 3.0, 8.0, 36.0]


# ---------------------------------------------------------------- keys, links, modes


def test_keys(show: Callable[..., Opened]) -> None:
    graph = Graph(article())
    steps = expected_steps(graph)
    kinds = [step.kind for step in steps]
    last, seeded = len(steps) - 1, kinds.index("seed")
    page = show(article())
    for key, wanted in (
        ("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last), ("ArrowRight", last),
        ("b", seeded), ("Home", 0), ("ArrowLeft", 0),
    ):  # fmt: skip
        page.press(key)
        assert page.step == wanted, key
    page.press("f")
    page.press("End")
    assert page.step in (seeded - 1, seeded)
    page.press("f")
    page.press("End")
    assert page.step == last


def test_space_plays_and_stops(show: Callable[..., Opened]) -> None:
    page = show(article())
    page.press("Home")
    page.press("Space")
    page.page.wait_for_function("() => Number(document.getElementById('card').dataset.step) > 0")
    page.press("Space")
    assert page.step >= 1


def test_buttons_do_what_keys_do(show: Callable[..., Opened]) -> None:
    steps = expected_steps(Graph(article()))
    seeded = [step.kind for step in steps].index("seed")
    page = show(article())
    for button, wanted in (
        ("next", 1), ("next", 2), ("back", 1), ("last", len(steps) - 1), ("to-backward", seeded), ("first", 0),
    ):  # fmt: skip
        page.page.click(f"#{button}")
        assert page.step == wanted, button
    page.page.locator("#timeline").fill("5")
    assert page.step == 5


def test_jump_to_a_step_by_number(show: Callable[..., Opened]) -> None:
    page = show(article())
    page.press("/")
    page.page.keyboard.type("17")
    page.press("Enter")
    assert page.step == 17


@pytest.mark.parametrize(
    ("fragment", "step"), [("#s=17", 17), ("#s=0", 0), ("#s=9999", None), ("#s=x", None), ("#", None)]
)
def test_a_link_to_a_step(show: Callable[..., Opened], fragment: str, step: int | None) -> None:
    page = show(article(), fragment)
    last = len(expected_steps(Graph(article()))) - 1
    assert page.step == step if step is not None else 0 <= page.step <= last
    page.press("ArrowRight")
    assert page.ask("() => location.hash") == f"#s={page.step}"


def test_predict_first(show: Callable[..., Opened]) -> None:
    graph = Graph(article())
    steps = expected_steps(graph)
    number = next(i for i, s in enumerate(steps) if s.kind == "backward" and abs(s.numbers.get("product", 0.0)) > 1e-3)
    product = steps[number].numbers["product"]
    page = show(article())
    page.ask("(n) => window.page.go(n)", number)
    shown = page.page.inner_text("#card")
    page.page.locator("#predict").check()
    page.ask("(n) => window.page.go(n)", number)
    assert not any(near(x, product) for x in page.card().get("product", []))
    assert page.page.inner_text("#card") != shown
    verdicts = []
    for guess in (product, -product, 2 * product, 1e6):
        page.page.locator("#guess").fill(repr(guess))
        page.page.locator("#guess").press("Enter")
        verdicts.append(page.page.inner_text("#verdict"))
    assert len(set(verdicts)) == 4
    assert all(verdicts)


def test_rounded_as_in_the_article(show: Callable[..., Opened]) -> None:
    """Rounding as one goes gives the article's 0.0214; the numbers in full are 0.0215."""
    page = show(article())
    page.press("End")
    node = Graph(article()).names.index("w1")
    full = page.table()[1][node]
    page.page.locator("#rounded").check()
    page.press("End")
    rounded = page.table()[1][node]
    assert near(full, 0.02146953526581111)
    assert abs(rounded - 0.0214) < 5e-5


def test_languages_and_theme(show: Callable[..., Opened]) -> None:
    page = show(article(), language="en")
    english = page.page.inner_text("body")
    assert page.page.get_attribute("html", "lang") == "en"
    page.page.locator('[data-language="ru"]').click()
    russian = page.page.inner_text("body")
    assert page.page.get_attribute("html", "lang") == "ru"
    assert not re.search("[а-яё]", re.sub("по-русски|русский", "", english.lower()))
    for word in ("forward", "backward", "step", "upstream"):
        assert word not in russian.lower()
    assert show(article(), language="ru").page.get_attribute("html", "lang") == "ru"
    body = "() => getComputedStyle(document.body).backgroundColor"
    before = page.ask(body)
    page.page.locator("#theme").click()
    after = page.ask(body)
    page.page.locator("#theme").click()
    assert len({before, after, page.ask(body)}) >= 2


# ---------------------------------------------------------------- what must never happen


def test_nothing_may_be_requested(show: Callable[..., Opened]) -> None:
    """The policy in the page itself forbids it: what is tried here is refused by the browser, and said."""
    page = show(article())
    assert page.complaints == []
    refused = page.ask(
        """async () => {
            const seen = [];
            document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
            const image = new Image();
            image.src = "https://example.org/x.png";
            const style = document.createElement("link");
            style.rel = "stylesheet";
            style.href = "https://example.org/x.css";
            document.head.append(style);
            const script = document.createElement("script");
            script.src = "https://example.org/x.js";
            document.head.append(script);
            try { await fetch("https://example.org/"); } catch { seen.push("fetch"); }
            await new Promise((done) => setTimeout(done, 50));
            return seen;
        }"""
    )
    assert {"img-src", "style-src-elem", "script-src-elem", "connect-src", "fetch"} <= set(refused)
    page.complaints.clear()


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_is_text(show: Callable[..., Opened], label: str, language: str) -> None:
    a, b = Value(2.0, label), Value(3.0, label)
    value = (a * b + a).tanh()
    value.label = label
    page = show(value, language=language)
    for _ in range(len(expected_steps(Graph(value)))):
        page.press("ArrowRight")
    for node in range(len(Graph(value))):
        page.page.locator(f'[id="n-{node}"]').first.dispatch_event("click")
    assert page.ask("() => window.hacked") is None
    assert page.ask("() => document.querySelectorAll('script, img, iframe, object').length") == len(
        re.findall(r"<script", make_page(Value(1.0, "a") * 2).html())
    )


def test_without_javascript_picture_and_numbers_stay(show: Callable[..., Opened]) -> None:
    value = article()
    value.backward()
    graph = Graph(value)
    page = show(value, context={"java_script_enabled": False})
    assert page.page.locator("svg#graph").is_visible()
    assert page.page.locator("noscript").count() >= 1
    for node in (graph.names.index("w1"), len(graph) - 1):
        row = page.page.locator(f'#nodes tr[data-node="{node}"]')
        assert near(float(row.locator("td.data data").get_attribute("value")), graph.data[node])
        assert near(float(row.locator("td.grad data").get_attribute("value")), graph.nodes[node].grad)
    page.complaints = [c for c in page.complaints if "script" not in c.lower()]


def test_printed_every_step_of_backward_is_there(show: Callable[..., Opened], tmp_path: Path) -> None:
    page = show(article())
    steps = [step for step in expected_steps(Graph(article())) if step.kind == "backward"]
    page.page.emulate_media(media="print")
    for control in ("#next", "#timeline", "#theme"):
        assert not page.page.locator(control).is_visible()
    text = page.page.inner_text("body")
    shown = {f"{abs(step.numbers['product']):.4f}" for step in steps if "product" in step.numbers}
    missing = [number for number in shown if number not in text]
    assert len(missing) <= len(shown) // 10, missing
    page.page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_in_a_frame_of_a_notebook_it_works_too(show: Callable[..., Opened]) -> None:
    """In a sandboxed frame a page has no address that it could write the step into."""
    outside = show(f"<!doctype html><title>notebook</title>{make_page(article())._repr_html_()}")
    (inside,) = [frame for frame in outside.page.frames if frame is not outside.page.main_frame]
    inside.click("#next")
    inside.click("#next")
    assert inside.get_attribute("#card", "data-step") == "2"


def hostile(value: Value) -> Value:
    """The same with every node labelled by something that is no name."""
    labels = itertools.cycle(HOSTILE)
    for node in Graph(value).nodes:
        if isinstance(node, Value):
            node.label = next(labels)
    return value


@pytest.mark.parametrize(
    ("value", "language"),
    [*[(f, "en") for f in EXAMPLES.values()], (lambda: hostile(fan_out()), "ru"), (lambda: hostile(network()), "en")],
)
def test_katex_accepts_the_latex_of_every_step(
    show: Callable[..., Opened], katex: Callable[[str], str | None], value: Callable[[], Value], language: str
) -> None:
    root = value()
    page = show(root, language=language)
    steps = expected_steps(Graph(root))
    for number in range(len(steps)):
        page.ask("(n) => window.page.go(n)", number)
        page.ask("() => { document.getElementById('latex-text').value = ''; }")
        page.page.click("#latex")
        latex = page.page.input_value("#latex-text")
        page.press("Escape")
        assert latex
        assert katex(latex) is None, (katex(latex), latex)
    print(f"LaTeX of {len(steps)} steps accepted by KaTeX")


# ---------------------------------------------------------------- seen by everyone


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing(show: Callable[..., Opened], scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="no axe: pip install 'microgradnet[browser]'")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text("utf-8")
    page = show(article(), scheme=scheme, width=width, rate=0.1)
    page.ask(source)
    found = []
    last = len(expected_steps(Graph(article())))
    for step in (0, 3, last // 2, last):
        page.ask("(n) => window.page.go(n)", step)
        told = page.ask("() => axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"step {step}: {v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes']][:3]}"
            for v in told["violations"]
        ]
    assert found == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("which", EXAMPLES)
def test_it_fits_the_screen(show: Callable[..., Opened], tmp_path: Path, which: str, scheme: str, width: int) -> None:
    page = show(EXAMPLES[which](), scheme=scheme, width=width)
    for step in (0, 4, 9999):
        page.ask("(n) => window.page.go(n)", step)
        assert page.ask("() => document.documentElement.scrollWidth") <= width
    page.page.screenshot(path=tmp_path / f"{which}-{scheme}-{width}.png", full_page=True)
    small = page.ask(
        """() => [...document.querySelectorAll("button, input, select, summary")]
            .filter((e) => e.checkVisibility() && !e.closest("svg"))
            .map((e) => [e, (e.closest("label") || e).getBoundingClientRect(), e.matches("button") ? 44 : 24])
            .filter(([, box, least]) => box.width < least - 0.5 || box.height < least - 0.5)
            .map(([e, box]) => `${e.id || e.outerHTML.slice(0, 80)}: ${box.width} × ${box.height}`)"""
    )
    assert small == []


def test_no_motion_where_none_is_wanted(show: Callable[..., Opened]) -> None:
    page = show(article(), context={"reduced_motion": "reduce"})
    for _ in range(6):
        page.press("ArrowRight")
        assert page.ask("() => document.getAnimations().filter((a) => a.playState === 'running').length") == 0


def test_the_file_is_small() -> None:
    assert len(make_page(article()).html().encode()) < 150_000
