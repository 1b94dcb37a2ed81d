// The picture of the graph as it is at a step: which numbers stand in it, what is lit, hatched, thick, positive.

const picture = (() => {
  "use strict";

  const THIN = 1.2;
  const THICK = 4.5;

  const textOf = (group, name) => group.querySelector(`:scope > text.${name}`);

  const write = (text, content) => {
    if (text && text.textContent !== content) text.textContent = content;
  };

  const signed = (group, x) => {
    group.classList.toggle("positive", x > 0);
    group.classList.toggle("negative", x < 0);
  };

  // What the step is about: nodes and edges to be lit.
  const active = (step, owner) => {
    const own = (i) => owner[i];
    const nodes = step.kind === "backward" ? [step.reader, step.operand] : "node" in step ? [step.node] : [];
    const edge = step.kind === "backward" ? `e-${step.operand}-${step.reader}-${step.place}` : "";
    return { nodes: new Set(nodes.map(own)), edge };
  };

  // Show a state. `c` is the page's context (main.js); `svg` the picture, `owner` who stands for whom in it.
  const draw = (c, svg, owner) => {
    const { known, step, ways, model } = c;
    const lit = active(step, owner);
    const largest = Math.max(0, ...c.products.map((x) => (Number.isFinite(x) ? Math.abs(x) : 0)));
    const onWay = new Set(ways ? [...ways.nodes].map((i) => owner[i]) : []);
    for (const group of svg.querySelectorAll("g.node")) {
      const i = Number(group.dataset.node);
      const [data, sum] = [known.data[i], known.sums[i]];
      write(textOf(group, "data"), data === undefined ? "" : c.show(data));
      write(textOf(group, "grad"), sum === undefined ? "" : c.show(sum));
      signed(group, sum ?? 0);
      const open = known.used[i] > 0 && known.used[i] < c.uses[i];
      group.classList.toggle("partial", open);
      group.classList.toggle("unknown", data === undefined);
      group.classList.toggle("active", lit.nodes.has(i));
      group.classList.toggle("chosen", c.chosen === i);
      group.classList.toggle("dim", ways !== null && !onWay.has(i));
      const told = data === undefined ? "" : `${c.say("data")} ${c.show(data)}`;
      const slope = sum === undefined ? "" : `, ${c.say("gradient")} ${c.show(sum)}`;
      group.setAttribute("aria-label", `${model.names[i]} ${told}${slope}`);
    }
    for (const group of svg.querySelectorAll("g.edge")) {
      const sent = c.sent.get(group.id);
      const now = group.id === lit.edge;
      group.classList.toggle("active", now);
      group.classList.toggle("sent", sent !== undefined);
      group.classList.toggle("dim", ways !== null && !ways.keys.has(group.id));
      signed(group, sent ?? 0);
      const share = sent && largest ? Math.min(1, Math.abs(sent) / largest) : 0;
      group.querySelector(".line").style.strokeWidth = sent === undefined ? "" : (THIN + (THICK - THIN) * Math.sqrt(share)).toFixed(2);
      write(group.querySelector(".mark"), sent > 0 ? " ⊕" : sent < 0 ? " ⊖" : "");
      const number = now && step.local !== null && !c.secret ? c.show(step.local) : "";
      write(textOf(group, "number"), number);
      group.classList.toggle("in-numbers", number !== "");
    }
  };

  // Keep what is lit in view where the picture is larger than its frame: a node that was chosen, else the step's own.
  const reveal = (frame, svg) => {
    const lit = svg.querySelector("g.node.chosen") ?? [...svg.querySelectorAll("g.node.active")].at(-1);
    if (!lit) return;
    const [box, inside] = [lit.getBoundingClientRect(), frame.getBoundingClientRect()];
    const away = (from, to, low, high) => (from >= low + 16 && to <= high - 16 ? 0 : (from + to - low - high) / 2);
    frame.scrollLeft += away(box.left, box.right, inside.left, inside.right);
    frame.scrollTop += away(box.top, box.bottom, inside.top, inside.bottom);
  };

  // The picture as a file: what the style says now becomes attributes, so that any program shows the same.
  const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-style", "font-weight"];

  const asFile = (svg, paper) => {
    const copy = svg.cloneNode(true);
    const [seen, made] = [svg.querySelectorAll("*"), copy.querySelectorAll("*")];
    const gone = [];
    seen.forEach((each, i) => {
      const style = getComputedStyle(each);
      if (style.display === "none" || style.visibility === "hidden") gone.push(made[i]);
      made[i].removeAttribute("style");
      for (const property of ["tabindex", "role", "class", "data-node", "aria-label", "data-operand", "data-reader"]) made[i].removeAttribute(property);
      if (["rect", "path", "text", "tspan"].includes(each.tagName)) {
        for (const property of STYLES) made[i].setAttribute(property, style.getPropertyValue(property));
      }
    });
    for (const each of gone) if (!["title", "defs", "pattern"].includes(each.tagName) && !each.closest("defs")) each.remove();
    const [x, y, width, height] = copy.getAttribute("viewBox").split(" ");
    const sheet = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x, y, width, height, fill: paper })) sheet.setAttribute(key, value);
    copy.prepend(sheet);
    for (const name of ["class", "role", "aria-labelledby", "aria-describedby", "style"]) copy.removeAttribute(name);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
  };

  return Object.freeze({ asFile, draw, reveal });
})();
