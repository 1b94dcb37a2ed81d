// Around the card: sliders, the check by nudging, the table of nodes, the controls, the sheet for printing.

const panels = (() => {
  "use strict";

  const NODE_LETTERS = 24;

  const get = (id) => document.getElementById(id);

  // --- sliders and number fields ---

  // A range around a number, in steps that are easy to say: [least, most, step].
  const range = (x) => {
    const reach = Math.max(2, 2 * Math.abs(x));
    const step = 10 ** (Math.floor(Math.log10(reach)) - 2);
    const round = (v) => Math.round(v / step) * step;
    return Number.isFinite(reach) ? [round(x - reach), round(x + reach), step].map((v) => Number(v.toPrecision(12))) : [-10, 10, 0.01];
  };

  const leaf = (c, i, set) => {
    const [min, max, step] = range(c.start.get(i));
    const off = c.held.has(i);
    const name = c.model.names[i];
    const label = (id) => ({ id, "data-leaf": String(i), "aria-label": "", disabled: off });
    const slider = element("input", { ...label(`slider-${i}`), type: "range", min, max, step });
    const field = element("input", { ...label(`field-${i}`), type: "number", step: "any" });
    const restore = () => {
      field.value = writing.full(app.state.leaves.get(i));
    };
    const take = () => {
      const x = field.value.trim() === "" ? NaN : Number(field.value);
      if (Number.isFinite(x) && x !== app.state.leaves.get(i)) set(i, x);
      restore();
    };
    slider.addEventListener("input", () => set(i, Number(slider.value)));
    field.addEventListener("change", take);
    field.addEventListener("keydown", (event) => event.key === "Enter" && take());
    field.addEventListener("focus", () => app.touch(i));
    return element("div", { class: "leaf", "data-name": name },
      element("span", { class: "name" }, writing.name(name, NODE_LETTERS)), slider, field);
  };

  const sliders = (c, place) => {
    if (!place.firstChild) {
      const order = [...c.model.parameters, ...[...c.start.keys()].filter((i) => !c.model.parameters.includes(i))];
      place.append(...order.slice(0, c.model.sliders).map((i) => leaf(c, i, app.set)));
      if (order.length > c.model.sliders) place.append(element("p", { class: "note", id: "more-leaves" }));
    }
    const names = [...c.held].filter((i) => c.start.has(i)).map((i) => c.model.names[i]);
    get("held").hidden = !names.length;
    get("held").replaceChildren(...c.tell("own-held", { names: element("bdi", {}, names.join(", ")) }));
    if (get("more-leaves")) get("more-leaves").textContent = c.tell("more-leaves", { n: String(c.start.size - c.model.sliders) }).join("");
    get("reset").hidden = [...c.start].every(([i, x]) => Object.is(c.leaves.get(i), x));
    for (const input of place.querySelectorAll("input")) {
      const i = Number(input.dataset.leaf);
      const x = c.leaves.get(i);
      input.setAttribute("aria-label", c.tell("value-of", { name: c.model.names[i] }).join(""));
      if (input.type === "range") {
        if (x < Number(input.min)) input.min = String(x);
        if (x > Number(input.max)) input.max = String(x);
      }
      if (document.activeElement !== input || input.type === "range") input.value = writing.full(x);
      input.closest(".leaf").classList.toggle("chosen", c.touched === i);
    }
  };

  // --- the check by nudging ---

  // The derivative by hand of a node, now; null where it is only known at the first numbers.
  const byHand = (c, i) => {
    const given = c.model.closed[i];
    if (!given) return null;
    const moved = [...c.start].some(([leaf, x]) => !Object.is(c.leaves.get(leaf), x));
    if (!given.graph) return { x: engine.number(given.value), key: moved ? "closed-there" : "closed", now: !moved };
    const leaves = new Map();
    given.graph.operations.forEach((op, j) => {
      if (!op) leaves.set(j, j in given.leaves ? c.leaves.get(given.leaves[j]) : engine.number(given.graph.data[j]));
    });
    return { x: engine.forward(given.graph, leaves).at(-1), key: "closed", now: true };
  };

  // Whether a derivative by hand is autograd's, to rounding; if not, by what factor it is off.
  const judged = (c, hand, autograd) => {
    if (Math.abs(hand - autograd) <= 1e-9 * Math.abs(autograd) || hand === autograd) return element("span", { class: "agrees" }, c.say("agrees"));
    const factor = autograd === 0 ? c.say("differs") : c.tell("differs-by", { factor: writing.short(Number((hand / autograd).toPrecision(3))) }).join("");
    return element("span", { class: "differs" }, factor);
  };

  const exactly = (c, x) => (c.rounded ? writing.fixed(x, c.model.digits) : c.show(x));

  const difference = (c, place) => {
    const i = c.touched;
    place.hidden = i === null;
    if (i === null) return;
    const { letters, root } = c;
    const name = element("span", {}, ...letters.name(i));
    const [up, down, slope, h] = engine.difference(c.main, c.leaves, i);
    const show = (x) => exactly(c, x);
    const autograd = c.exact.gradient[i] ?? 0;
    const hand = byHand(c, i);
    const apart = Math.abs(slope - autograd);
    place.replaceChildren(
      element("h2", {}, c.say("difference")),
      element("p", {}, ...c.tell("difference-text", { node: name }), " ", writing.number(up - down, writing.precise, "moved"),
        element("span", { class: "aside" }, ` (h = ${writing.fixed(h, 2)})`)),
      element("div", { class: "sums" },
        card.row("", c.say("slope"), ["Δ", ...letters.name(root), "\u2009/\u20092h"], writing.number(slope, show, "difference")),
        card.row("", c.say("autograd"), letters.slope(root, i), writing.number(autograd, show, "autograd")),
        card.row("apart", c.say("apart"), "", element("span", { class: "num" }, Number.isFinite(apart) ? writing.fixed(Number(apart.toPrecision(1)), 0) : "–")),
        ...(hand ? [card.row(hand.now ? "" : "past", c.say(hand.key), hand.now ? judged(c, hand.x, autograd) : "", writing.number(hand.x, show, "closed"))] : [])),
      ...(c.rounded ? [element("p", { class: "aside" }, c.say("rounded-text"), writing.number(autograd, show, "autograd"))] : []));
  };

  // --- the table of nodes ---

  const cell = (place, x, show, secret) => {
    const shown = place.firstElementChild;
    if (x === undefined || x === null || secret) place.replaceChildren();
    else if (!shown || shown.value !== writing.full(x) || shown.textContent !== show(x)) place.replaceChildren(writing.number(x, show, "table"));
  };

  const table = (c, place) => {
    for (const row of place.querySelectorAll("tr[data-node]")) {
      const i = Number(row.dataset.node);
      if (row.dataset.spoken !== c.language) {
        row.dataset.spoken = c.language;
        row.querySelector("th").replaceChildren(...(c.model.labelled[i] || !c.model.shown[i] ? [writing.name(c.model.names[i])] : c.letters.name(i)));
        const form = c.letters.formOf(i);
        row.querySelector(".how").replaceChildren(form ? c.letters.letters(i, form.value) : c.say("given"));
      }
      cell(row.querySelector(".data"), c.known.data[i], c.show);
      cell(row.querySelector(".grad"), c.known.sums[i], c.show);
      row.classList.toggle("partial", c.known.used[i] > 0 && c.known.used[i] < c.uses[i]);
      row.classList.toggle("active", c.step.kind === "backward" ? c.step.operand === i : c.step.node === i);
    }
  };

  // --- controls ---

  const phases = (c, most) => {
    const counted = [["phase-forward", c.computed.seed], ["phase-backward", 0], ["phase-update", 0]];
    for (const step of c.computed.steps.slice(c.computed.seed)) counted[step.kind === "update" ? 2 : 1][1] += 1;
    return counted.filter(([key, count]) => count && (key === "phase-forward" || most > c.computed.seed)).map(([key, count]) => element("span", { style: `flex-grow:${count}`, class: key }, c.say(key)));
  };

  const controls = (c, state, most) => {
    const timeline = get("timeline");
    timeline.max = String(most);
    timeline.value = String(c.n);
    timeline.setAttribute("aria-valuetext", `${c.say("step")} ${c.n} ${c.tell("of", { n: String(most) }).join("")}`);
    get("phases").replaceChildren(...phases(c, most));
    if (document.activeElement !== get("jump")) get("jump").value = String(c.n);
    get("jump").removeAttribute("aria-invalid");
    get("steps-of").textContent = c.tell("of", { n: String(most) }).join("");
    for (const id of ["first", "back"]) get(id).setAttribute("aria-disabled", String(c.n === 0));
    for (const id of ["next", "last"]) get(id).setAttribute("aria-disabled", String(c.n === most));
    const play = get("play");
    play.setAttribute("aria-label", c.say(state.playing ? "pause" : "play"));
    play.title = c.say(state.playing ? "pause" : "play");
    play.firstElementChild.textContent = state.playing ? "❚❚" : "▶";
    get("forward-only").setAttribute("aria-pressed", String(state.forwardOnly));
    get("collapse").hidden = c.model.views.length < 2;
    get("collapse").setAttribute("aria-pressed", String(state.view === 1));
    const { hidden } = c.model.views[state.view];
    const why = hidden && c.model.views.length < 2 ? c.tell("only-collapsed", { n: String(c.model.names.length) }) : [];
    get("hidden-nodes").textContent = hidden ? [...why, why.length ? " " : "", ...c.tell("hidden", { n: String(hidden) })].join("") : "";
    get("key-edge").textContent = c.say(state.view === 1 || (hidden && c.model.views.length < 2) ? "key-edge-neurons" : "key-edge");
    const unlisted = c.model.names.length - c.model.rows.length;
    get("more-nodes").textContent = unlisted ? c.tell("more-nodes", { n: String(unlisted) }).join("") : "";
    const predict = get("predict");
    predict.checked = state.predict;
  };

  const keys = (place, list) => place.replaceChildren(...list.flatMap(([key, does]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, does)]));

  // --- backward as a numbered table, for paper ---

  const sheet = (c, place) => {
    const { letters, root } = c;
    const head = ["number", "edge", "upstream", "local", "product", "sum"].map((key) => element("th", { scope: "col" }, c.say(key)));
    const rows = c.computed.steps.filter((step) => step.kind === "backward").slice(0, 500).map((step, k) => {
      const number = (x) => (x === null ? "–" : writing.number(x, c.show, "sheet"));
      const template = letters.formOf(step.reader)?.slopes[step.place];
      return element("tr", {},
        element("td", {}, String(k + 1)),
        element("td", {}, ...letters.name(step.reader), " → ", ...letters.name(step.operand)),
        element("td", {}, letters.slope(root, step.reader), " = ", number(step.upstream)),
        element("td", {}, letters.slope(step.reader, step.operand), " = ", ...(template ? [letters.letters(step.reader, template), " = "] : []), number(step.local)),
        element("td", { class: "right" }, number(step.product)),
        element("td", { class: "right" }, number(step.sum)));
    });
    place.querySelector("thead").replaceChildren(element("tr", {}, ...head));
    place.querySelector("tbody").replaceChildren(...rows);
    place.hidden = false;
  };

  return Object.freeze({ controls, difference, keys, sheet, sliders, table });
})();
