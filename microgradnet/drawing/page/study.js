// For learners: paths from the result to a node with the product along each; and "predict first".

const study = (() => {
  "use strict";

  const MOST = 8; // paths that are written out

  // --- paths ---

  // The paths as lists of edges, from the root down; in the order of backward.
  const paths = (ways, root, target) => {
    const found = [];
    const below = new Map();
    for (const edge of ways.edges) below.set(edge.reader, [...(below.get(edge.reader) ?? []), edge]);
    const walk = (i, path) => {
      if (i === target) found.push(path);
      else for (const edge of below.get(i) ?? []) walk(edge.operand, [...path, edge]);
    };
    walk(root, []);
    return found;
  };

  // Where a path is cut into factors: at outputs of neurons, and at labelled nodes that are in no neuron.
  const stops = (c, i) => {
    const owner = c.model.neurons[i];
    return owner === undefined ? c.model.labelled[i] : owner === i;
  };

  const factors = (c, path, round) => {
    const out = [];
    let from = c.root;
    let edges = [];
    path.forEach((edge, at) => {
      edges.push(edge);
      if (at < path.length - 1 && !stops(c, edge.operand)) return;
      const locals = edges.map((each) => engine.partials(c.main, each.reader, c.computed.data, round)[each.place]);
      out.push({ from, to: edge.operand, edges, locals, value: locals.reduce((a, b) => round(a * b)) });
      from = edge.operand;
      edges = [];
    });
    return out;
  };

  // A factor in letters: what stands on its edges, or the numbers where that has no letters.
  const lettersOfFactor = (c, factor) => {
    const out = [];
    let sign = 1;
    factor.edges.forEach((edge, at) => {
      const found = c.letters.mark(edge.reader, edge.place);
      const [number, letters, loose] = found ?? [factor.locals[at], null, false];
      if (found && !letters && Math.abs(number) === 1) {
        sign *= number;
        return;
      }
      const parts = [];
      const size = Math.abs(number);
      sign *= number < 0 ? -1 : 1;
      if (!letters) parts.push(found ? String(size) : writing.number(size, c.show, "path-local"));
      else if (size !== 1) parts.push(`${size}\u2009`);
      if (letters) parts.push(...(loose && (size !== 1 || factor.edges.length > 1) ? ["(", letters, ")"] : [letters]));
      out.push(parts);
    });
    if (!out.length) return [sign < 0 ? "−1" : "1"];
    return [sign < 0 ? "−" : "", ...out.flatMap((parts, at) => (at ? [" · ", ...parts] : parts))];
  };

  const ways = (c, place, close) => {
    place.hidden = c.chosen === null;
    if (place.hidden) return;
    const { letters, root, chosen, ways: found } = c;
    const round = c.rounded ? engine.short : engine.exact;
    const told = (key) => c.tell(key, { // its elements are new each time: one element stands in one sentence only
      root: element("span", {}, ...letters.name(root)), node: element("span", {}, ...letters.name(chosen)),
      n: found.count.toLocaleString(c.language), edges: String(found.edges.length),
    });
    const parts = [element("h2", {}, ...told("ways"))];
    if (!found.count) parts.push(element("p", {}, ...told("no-way")));
    else if (found.count > MOST) parts.push(element("p", {}, ...told("many-ways")));
    else {
      const listed = chosen === root ? [[]] : paths(found, root, chosen);
      const products = listed.map((path, k) => {
        const cut = factors(c, path, round);
        const product = cut.reduce((a, factor) => round(a * factor.value), 1);
        const rows = cut.map((factor) => card.row("", "", [letters.slope(factor.from, factor.to), " = ", ...lettersOfFactor(c, factor)], writing.number(factor.value, c.show, "path-factor")));
        if (listed.length > 1) parts.push(element("h3", {}, ...c.tell("way", { k: String(k + 1) })));
        parts.push(element("div", { class: "sums" }, ...rows, card.row("product", ["= ", c.say("product-of")], listed.length > 1 ? "" : letters.slope(root, chosen), writing.number(product, c.show, "path-product"))));
        return product;
      });
      if (products.length > 1) {
        parts.push(element("div", { class: "sums" }, card.row("sum", c.say("sum-of-ways"), letters.slope(root, chosen), writing.number(products.reduce((a, b) => round(a + b)), c.show, "path-sum"))));
      }
    }
    parts.push(element("button", { type: "button", class: "plain", onclick: close }, c.say("unselect")));
    place.replaceChildren(...parts);
  };

  const latexOfWays = (c) => {
    const listed = c.ways.count && c.ways.count <= MOST ? paths(c.ways, c.root, c.chosen) : [];
    const round = c.rounded ? engine.short : engine.exact;
    const all = listed.map((path) => factors(c, path, round));
    const whole = card.fraction(c, c.root, c.chosen);
    if (!all.length) return `${whole} = ${card.number(c, c.computed.gradient[c.chosen] ?? 0)}`;
    const letters = all.map((cut) => cut.map((factor) => card.fraction(c, factor.from, factor.to)).join(" \\cdot ") || "1");
    const numbers = all.map((cut) => cut.map((factor, at) => (at ? card.factor : card.number)(c, factor.value)).join(" \\cdot ") || "1");
    return `\\begin{aligned}\n${whole} &= ${letters.join(" + ")} \\\\\n&= ${numbers.join(" + ")} \\\\\n&= ${card.number(c, c.computed.gradient[c.chosen])}\n\\end{aligned}`;
  };

  // --- predict first ---

  // What a guess is, against the product: the key of a sentence, and by what factor it is wrong.
  const verdict = (text, step) => {
    const guess = read(text);
    const { product, upstream, local } = step;
    const decimals = /[.,](\d*)$/u.exec(text.trim())?.[1].length ?? 0;
    const rounded = guess === 0 ? 0 : 0.501 * 10 ** -decimals; // right to the digits that were given
    const near = (a, b) => Math.abs(a - b) <= Math.max(0.005 * Math.abs(b), Math.min(rounded, 0.1 * Math.abs(b))) || a === b;
    if (Number.isNaN(guess)) return ["no-number"];
    if (near(guess, product)) return ["right"];
    if (near(guess, -product)) return ["wrong-sign"];
    if (near(guess, upstream)) return ["wrong-upstream"];
    if (near(guess, local)) return ["wrong-local"];
    return product === 0 ? ["wrong-zero"] : ["wrong-factor", guess / product];
  };

  const read = (text) => {
    const plain = text.trim().replace(",", ".").replace("\u2212", "-");
    return plain === "" ? NaN : Number(plain);
  };

  // The field is made once and stays while it is typed in.
  const quiz = (c, place, predict, reveal) => {
    const asked = predict && c.step.kind === "backward" && c.step.product !== null;
    place.hidden = !asked;
    if (!asked) {
      place.replaceChildren();
      return;
    }
    const told = (key, factor) => {
      const said = place.querySelector("#verdict");
      said.replaceChildren(...c.tell(key, { factor: factor === undefined ? "" : writing.short(Number(factor.toPrecision(3))) }));
      said.className = key === "right" ? "right" : "wrong";
    };
    const check = () => {
      const [key, factor] = verdict(place.querySelector("#guess").value, c.step);
      if (key === "right") reveal();
      told(key, factor);
    };
    if (place.dataset.run === c.run && place.firstChild) return;
    place.dataset.run = c.run;
    place.replaceChildren(
      element("label", { for: "guess" }, c.say("guess")),
      element("div", { class: "ask" },
        element("input", { id: "guess", type: "text", inputmode: "decimal", autocomplete: "off", onkeydown: (event) => event.key === "Enter" && check() }),
        element("button", { type: "button", onclick: check }, c.say("check")),
        element("button", { type: "button", class: "plain", onclick: reveal }, c.say("reveal"))),
      element("p", { id: "verdict", role: "status" }));
  };

  return Object.freeze({ latexOfWays, quiz, ways });
})();
