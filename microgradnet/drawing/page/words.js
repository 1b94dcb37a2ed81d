// What the page says: words of two languages, and the names of nodes as they stand in formulas.

const words = (() => {
  "use strict";

  // A sentence with its {gaps} filled; the filling may be text or elements. Gives a list of parts for an element.
  const filled = (sentence, fill) =>
    sentence.split(/(\{[a-z]+\})/u).flatMap((part) => (/^\{[a-z]+\}$/u.test(part) ? (fill[part.slice(1, -1)] ?? "") : part));

  // The element's own words, and those of its label, in the language that is spoken.
  const speak = (root, dictionary) => {
    for (const each of root.querySelectorAll("[data-w]")) each.textContent = dictionary[each.dataset.w];
    for (const each of root.querySelectorAll("[data-w-label]")) {
      each.setAttribute("aria-label", dictionary[each.dataset.wLabel]);
      if (each.tagName === "BUTTON") each.title = dictionary[each.dataset.wLabel];
    }
  };

  return Object.freeze({ filled, speak });
})();

// Formulas of one graph. `model` is the page's data; `show` writes a number; `dictionary` has the words for if and else.
const lettersOf = (model, dictionary, show) => {
  "use strict";

  const { names, shown, forms, form, main } = model;

  // A text made of names and signs, such as y - ypred, each name with its index.
  const spread = (text) =>
    (text.match(/[\p{L}\p{Nd}_]+|[^\p{L}\p{Nd}_]+/gu) ?? []).map((word) => (/^\p{L}/u.test(word) ? writing.name(word) : word));

  // How a node is called in a formula: [nodes, whether it is a sum or so and may need brackets].
  const node = (i) => (shown[i] && !model.labelled[i] ? [spread(shown[i]), / [+\u2212] | if /u.test(shown[i]) ? "formula" : "product"] : [[writing.name(names[i])], ""]);

  const name = (i) => node(i)[0];

  const inBrackets = (i) => {
    const [nodes, loose] = node(i);
    return loose ? ["(", ...nodes, ")"] : nodes;
  };

  // The derivative of one node by another, as a fraction.
  const slope = (of, by) =>
    element("span", { class: "frac" },
      element("span", { class: "over" }, "∂", inBrackets(of)),
      element("span", { class: "slash" }, "/"),
      element("span", { class: "under" }, "∂", inBrackets(by)));

  const operands = (i) => main.operands[i];

  // A number in a formula: it needs brackets where it has a sign.
  const inNumbers = (data, of) => [[writing.number(data, show, of)], typeof data === "number" && data < 0 ? "sign" : ""];

  // The template of node i in letters, then in numbers (null where there is none).
  const letters = (i, template) =>
    writing.formula(template, (k) => node(operands(i)[k]), () => node(i), dictionary);

  const numbers = (i, template, data) =>
    writing.formula(template, (k) => inNumbers(data[operands(i)[k]], "part"), () => inNumbers(data[i], "part"), dictionary, " · ");

  const formOf = (i) => forms[form[i]];

  // An edge's local derivative as the picture writes it, with the number that it multiplies: [factor, letters].
  const mark = (i, place) => {
    const found = formOf(i)?.marks[place];
    if (!found) return null;
    const alone = [...found.rest].length === 1 ? node(operands(i)[found.rest.codePointAt(0) - writing.OPERAND] ?? i)[1] === "formula" : false;
    return [found.factor, found.rest ? letters(i, found.rest) : null, found.sum || alone];
  };

  // The same for LaTeX.
  const latex = (i, template) =>
    writing.line(template, (k) => model.latex[operands(i)[k]], () => model.latex[i]);

  return Object.freeze({ formOf, latex, letters, mark, name, node, numbers, slope });
};
