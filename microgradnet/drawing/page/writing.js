// Numbers, names and formulas as parts of the page. Whatever a user wrote becomes text, never markup.

// An element with attributes (on…: a listener, data-…: as they are) and children: elements, texts, or null for nothing.
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
};

const writing = (() => {
  "use strict";

  const MINUS = "\u2212";

  // Signs of the templates (forms.py).
  const OPERAND = 0xf0000;
  const [RESULT, UP, DOWN, IF, ELSE, NOTHING] = ["\ue000", "\ue001", "\ue002", "\ue003", "\ue004", "\ue005"];
  const TIMES = "\u2062";

  const cut = (text, most) => {
    const letters = [...text];
    return letters.length <= most ? text : `${letters.slice(0, most - 1).join("").trimEnd()}…`;
  };

  // --- numbers ---

  // A number with so many decimals; by powers of ten where these would hide it (as in drawing/text.py).
  const fixed = (x, digits) => {
    if (typeof x === "boolean") return String(x);
    if (!Number.isFinite(x)) return String(x).replace("Infinity", "∞").replace("NaN", "nan").replace("-", MINUS);
    const size = Math.abs(x);
    const shown = x !== 0 && (size < 10 ** -digits || size >= 1e7)
      ? x.toExponential(digits).replace("e+", "e")
      : (x || 0).toFixed(digits);
    return shown.replaceAll("-", MINUS);
  };

  // A number that was rounded to three digits already: no more zeros than it needs.
  const short = (x) => {
    if (typeof x !== "number" || !Number.isFinite(x)) return fixed(x, 3);
    const size = Math.abs(x);
    const shown = x !== 0 && (size < 1e-4 || size >= 1e7)
      ? Number(x.toPrecision(3)).toExponential().replace("e+", "e")
      : String(Number(x.toPrecision(Math.max(3, Math.min(7, Math.ceil(Math.log10(size + 1)))))));
    return shown.replaceAll("-", MINUS);
  };

  // Five digits, however small it is.
  const precise = (x) => (x === 0 || !Number.isFinite(x) ? fixed(x, 4) : (Math.abs(x) < 0.01 ? x.toExponential(4) : x.toPrecision(5)).replace("e+", "e").replaceAll("-", MINUS));

  // All of a number, so that it reads back as it is.
  const full = (x) => (Object.is(x, -0) ? "-0" : String(x));

  // A number as it stands in a formula or a table; `of` says which of a step's numbers it is.
  const number = (x, show, of = "data", more = "") => {
    const sign = typeof x === "number" && x < 0 ? "negative" : "positive";
    return element("data", { class: `num ${sign} ${more}`.trim(), value: full(x), "data-of": of, title: full(x) }, show(x));
  };

  // --- names ---

  // A name and its index: w1, h_12, ypred are read as one letter with an index.
  const pieces = (name) => {
    const known = /^y_?(pred|true)$/u.exec(name);
    if (known) return ["y", known[1]];
    const found = /^(\p{L}{1,8})_?([0-9]+)$/u.exec(name);
    return found ? [found[1], found[2]] : [name, ""];
  };

  const name = (text, most = 40) => {
    const [stem, index] = pieces(cut(text, most));
    return element("var", {}, element("bdi", {}, stem), index ? element("sub", {}, index) : null);
  };

  // --- formulas ---

  // Whether what stands at a place of a template is a whole term of its sum, so that a product needs no brackets.
  const isTerm = (signs, at) => {
    const around = [at === 0 || (signs[at - 1] === " " && "+\u2212".includes(signs[at - 2])), at === signs.length - 1 || (signs[at + 1] === " " && "+\u2212".includes(signs[at + 2]))];
    return around.every(Boolean);
  };

  // A template with names or numbers put in. `operand(k)` and `result()` give [nodes, whether they need brackets];
  // brackets are left out where some stand already, and at the very beginning.
  const formula = (template, operand, result, words, times = "\u2009") => {
    const out = element("span", { class: "formula" });
    const signs = [...template];
    let place = out;
    let run = "";
    const flush = () => {
      if (run) place.append(run);
      run = "";
    };
    signs.forEach((c, at) => {
      const code = c.codePointAt(0);
      if (code >= OPERAND || c === RESULT) {
        const [nodes, loose] = code >= OPERAND ? operand(code - OPERAND) : result();
        const [before, after] = [signs[at - 1] ?? "", signs[at + 1] ?? ""];
        const closed = (before === "(" && after === ")") || (before === UP && after === DOWN) || (before === "|" && after === "|");
        const alone = before === "" && (after === "" || (loose === "sign" && after !== UP));
        const term = loose === "product" && isTerm(signs, at);
        const brackets = loose && !closed && !alone && !term;
        flush();
        place.append(...(brackets ? ["(", ...[nodes].flat(), ")"] : [nodes].flat()));
      } else if (c === UP) {
        flush();
        place.append((place = element("sup")));
      } else if (c === DOWN) {
        flush();
        place = place.parentNode ?? out;
      } else if (c === TIMES) run += times;
      else if (c === IF || c === ELSE) run += words[c === IF ? "if" : "else"];
      else if (c === NOTHING) run += "0";
      else run += c;
    });
    flush();
    return out;
  };

  // The same as one line of text, for LaTeX and titles: `operand` and `result` give texts.
  const line = (template, operand, result) =>
    [...template]
      .map((c) => (c.codePointAt(0) >= OPERAND ? operand(c.codePointAt(0) - OPERAND) : c === RESULT ? result() : c))
      .join("");

  return Object.freeze({ OPERAND, cut, fixed, formula, full, line, name, number, pieces, precise, short });
})();
