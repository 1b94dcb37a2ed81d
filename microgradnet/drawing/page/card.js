// The card: what happens at the current step, as an equation with its numbers; and the same in LaTeX.

const card = (() => {
  "use strict";

  const row = (kind, label, middle, number) =>
    element("div", { class: `row ${kind}` },
      element("span", { class: "label" }, label),
      element("span", { class: "letters" }, middle),
      element("span", { class: "value" }, number));

  const title = (text, more) => element("h2", {}, text, more ? element("span", { class: "more" }, more) : null);

  const paragraph = (...parts) => element("p", {}, ...parts);

  // A line of an equation: what stands before the sign is only in the first.
  const line = (left, right, kind = "") =>
    element("div", { class: `line ${kind}`.trim() },
      element("span", { class: "left" }, left), element("span", { class: "equals" }, "="),
      element("span", { class: "right" }, right));

  const bracketed = (x, node) => (typeof x === "number" && (x < 0 || Object.is(x, -0)) ? ["(", node, ")"] : [node]);

  const ruleOf = (c, i) => {
    const op = c.main.operations[i];
    const rule = c.model.rules[op];
    if (c.main.frozen[i]) return element("p", { class: "rule" }, ...c.tell("own", { op: element("code", {}, op) }), rule?.[c.language] ? ` ${rule[c.language]}` : "");
    return rule?.[c.language] ? element("p", { class: "rule" }, element("code", {}, op), " — ", rule[c.language]) : null;
  };

  // --- a card for each kind of step ---

  const start = (c) => {
    const count = (kind) => String(c.computed.steps.filter((step) => step.kind === kind).length);
    const leaves = String(c.main.operations.filter((op) => !op).length);
    return [
      title(c.say("start")),
      paragraph(...c.tell("start-text", { leaves, forward: count("forward"), backward: count("backward") })),
      element("p", { class: "hint" }, c.say("start-hint")),
    ];
  };

  const forward = (c, step) => {
    const { letters } = c;
    const i = step.node;
    const template = letters.formOf(i).value;
    const shown = c.model.shown[i] && !c.model.labelled[i];
    const lines = shown
      ? [line(letters.name(i), letters.numbers(i, template, c.computed.data))]
      : [line(letters.name(i), letters.letters(i, template)), line("", letters.numbers(i, template, c.computed.data))];
    return [
      title(c.tell("forward", { k: String(c.place.k), n: String(c.place.n) })),
      element("div", { class: "equation" }, ...lines, line("", writing.number(step.data, c.show, "data"), "result")),
      ruleOf(c, i),
    ];
  };

  const seed = (c, step) => [
    title(c.say("seed")),
    element("div", { class: "equation" }, line(c.letters.slope(step.node, step.node), writing.number(1, c.show, "sum"), "result")),
    paragraph(c.say("seed-text")),
  ];

  // The local derivative: as a fraction, in letters, in numbers.
  const localLetters = (c, step) => {
    const { letters } = c;
    const template = letters.formOf(step.reader)?.slopes[step.place];
    const parts = [letters.slope(step.reader, step.operand)];
    if (!template) return parts;
    const data = c.computed.data;
    const written = letters.letters(step.reader, template);
    const numbers = letters.numbers(step.reader, template, data);
    parts.push(" = ", written);
    if (numbers.querySelector("data") && written.textContent.length > 3) parts.push(element("span", { class: "then" }, " = ", numbers));
    return parts;
  };

  const backward = (c, step) => {
    const { letters, root } = c;
    const head = title(
      c.tell("backward", { k: String(c.place.k), n: String(c.place.n) }),
      c.tell("from-to", { reader: element("span", {}, ...letters.name(step.reader)), operand: element("span", {}, ...letters.name(step.operand)) }));
    const upstream = row("upstream", c.say("upstream"), letters.slope(root, step.reader), writing.number(step.upstream, c.show, "upstream"));
    if (step.local === null) {
      const condition = isCondition(c, step);
      return [head, element("div", { class: "sums" }, upstream),
        paragraph(c.say("nothing"), " ", c.say(condition ? "nothing-condition" : "nothing-mask")), ruleOfOwn(c, step.reader)];
    }
    const hidden = () => element("span", { class: "hidden-number" }, "?");
    const product = () => writing.number(step.product, c.show, "product");
    const before = step.before === null ? "0" : writing.number(step.before, c.show, "before");
    const sum = c.secret ? hidden() : writing.number(step.sum, c.show, "sum");
    const uses = step.uses === 1 ? [c.say("only-use")] : c.tell("uses", { use: String(step.use), uses: String(step.uses) });
    const state = step.uses === 1 ? [] : [" · ", c.say(step.use === step.uses ? "complete" : "incomplete")];
    return [
      head,
      element("div", { class: "sums" },
        upstream,
        row("local", ["× ", c.say("local")], localLetters(c, step), writing.number(step.local, c.show, "local")),
        row("product", ["= ", c.say("product")], "", c.secret ? hidden() : product()),
        row("sum", c.say("sum"),
          [letters.slope(root, step.operand), " = ", before, " + ", ...(c.secret ? [hidden()] : bracketed(step.product, product()))], sum)),
      element("p", { class: `uses ${step.use < step.uses ? "open" : ""}`.trim() }, ...uses, ...state),
      ruleOfOwn(c, step.reader),
    ];
  };

  const isCondition = (c, step) => [c.computed.data[step.reader], c.computed.data[step.operand]].some((x) => typeof x === "boolean");

  const ruleOfOwn = (c, i) => (c.main.frozen[i] ? ruleOf(c, i) : null);

  const update = (c, step) => {
    const { letters, root } = c;
    const rate = element("span", { class: "num" }, String(c.model.rate));
    const gradient = writing.number(step.gradient, c.show, "gradient");
    return [
      title(c.tell("update", { k: String(c.place.k), n: String(c.place.n) })),
      element("div", { class: "equation" },
        element("div", { class: "line" }, element("span", { class: "left" }, letters.name(step.node)), element("span", { class: "equals" }, "←"),
          element("span", { class: "right" }, ...letters.name(step.node), " − ", rate, " · ", letters.slope(root, step.node))),
        line("", [writing.number(step.data, c.show, "before"), " − ", rate.cloneNode(true), " · ", ...bracketed(step.gradient, gradient)]),
        line("", writing.number(step.after, c.show, "after"), "result")),
      paragraph(...c.tell("update-text", { rate: String(c.model.rate) })),
    ];
  };

  const KINDS = { start, forward, seed, backward, update };

  const fill = (c, place) => {
    place.replaceChildren(...KINDS[c.step.kind](c, c.step).filter(Boolean));
    place.dataset.step = String(c.n);
  };

  // --- LaTeX ---

  const number = (c, x) => {
    const text = c.show(x).replaceAll("\u2212", "-");
    const [mantissa, exponent] = text.split("e");
    if (!Number.isFinite(Number(x))) return text.includes("∞") ? text.replace("∞", "\\infty") : "\\mathrm{nan}";
    return exponent === undefined ? mantissa : `${mantissa} \\cdot 10^{${exponent}}`;
  };

  const factor = (c, x) => (x < 0 ? `(${number(c, x)})` : number(c, x));

  const fraction = (c, of, by) => `\\frac{\\partial ${c.model.latex[of]}}{\\partial ${c.model.latex[by]}}`;

  const latex = (c) => {
    const { step, letters, model, root } = c;
    if (step.kind === "forward") {
      const template = letters.formOf(step.node).latex.value;
      return `${model.latex[step.node]} = ${letters.latex(step.node, template)} = ${number(c, step.data)}`;
    }
    if (step.kind === "seed") return `${fraction(c, root, root)} = 1`;
    if (step.kind === "update") {
      const name = model.latex[step.node];
      return `${name} \\leftarrow ${name} - ${model.rate} \\cdot ${fraction(c, root, step.node)} = ${number(c, step.data)} - ${model.rate} \\cdot ${factor(c, step.gradient)} = ${number(c, step.after)}`;
    }
    if (step.kind === "backward" && step.local !== null) {
      const template = letters.formOf(step.reader)?.latex.slopes[step.place];
      const local = fraction(c, step.reader, step.operand);
      const lines = [
        `${local} &= ${template ? `${letters.latex(step.reader, template)} = ` : ""}${number(c, step.local)}`,
        `${fraction(c, root, step.reader)} \\cdot ${local} &= ${number(c, step.upstream)} \\cdot ${factor(c, step.local)} = ${number(c, step.product)}`,
        `${fraction(c, root, step.operand)} &= ${step.before === null ? "0" : number(c, step.before)} + ${factor(c, step.product)} = ${number(c, step.sum)}`,
      ];
      return `\\begin{aligned}\n${lines.join(" \\\\\n")}\n\\end{aligned}`;
    }
    return `${model.latex[root]} = ${number(c, c.computed.data[root])}`;
  };

  return Object.freeze({ factor, fill, fraction, latex, number, row });
})();
