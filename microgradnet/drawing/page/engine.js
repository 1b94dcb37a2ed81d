// The page's own engine: forward, backward and the list of steps, over the same flat columns as Python's Graph.
//
// Columns: operations ("" for a leaf), operands (a number is a node, a text a constant), data (as Python had it), frozen
// (the local derivatives of operations of one's own, which the page cannot compute: they keep their numbers).

const engine = (() => {
  "use strict";

  const ROUNDED = 3; // significant digits in the article

  const exact = (x) => x;

  // To three digits, as the article does after each operation; truth values, nan and infinities stay.
  const short = (x) => (typeof x === "number" && Number.isFinite(x) ? Number(x.toPrecision(ROUNDED)) : x);

  const number = (x) => (typeof x === "string" ? Number(x) : x);

  const rule = (columns, i) => rules[`${columns.operations[i]}/${columns.operands[i].length}`];

  const inputs = (columns, i, data) => columns.operands[i].map((o) => (typeof o === "number" ? data[o] : Number(o)));

  // Every node's value, with the leaves as they are now; `round` goes over each result.
  const forward = (columns, leaves, round = exact) => {
    const data = [];
    columns.operations.forEach((name, i) => {
      if (!name) data.push(leaves.has(i) ? leaves.get(i) : number(columns.data[i]));
      else if (columns.frozen[i]) data.push(number(columns.data[i]));
      else data.push(round(rule(columns, i).value(...inputs(columns, i, data))));
    });
    return data;
  };

  // One per operand, null where nothing is sent: to constants, to conditions, to what a mask did not select.
  const partials = (columns, i, data, round = exact) => {
    const found = columns.frozen[i]
      ? columns.frozen[i].map(number)
      : rule(columns, i).partials(data[i], ...inputs(columns, i, data));
    return columns.operands[i].map((o, place) => {
      const partial = found[place] ?? null;
      return typeof o === "number" && partial !== null ? round(partial) : null;
    });
  };

  // The steps of backward, one per edge, in the order of Graph.reverse; and every node's sum, null: nothing arrives.
  const backward = (columns, data, round = exact) => {
    const sums = columns.operations.map(() => null);
    const used = columns.operations.map(() => 0);
    const steps = [];
    sums[sums.length - 1] = 1;
    for (let reader = sums.length - 1; reader >= 0; reader--) {
      const upstream = sums[reader];
      if (upstream === null || !columns.operations[reader]) continue;
      const locals = partials(columns, reader, data, round);
      columns.operands[reader].forEach((operand, place) => {
        if (typeof operand !== "number") return;
        const local = locals[place];
        const before = sums[operand];
        const product = local === null ? null : round(local * upstream);
        if (product !== null) sums[operand] = before === null ? product : round(before + product);
        used[operand] += 1;
        steps.push({
          kind: "backward", reader, place, operand, upstream, local, product, before,
          sum: sums[operand], use: used[operand],
        });
      });
    }
    for (const step of steps) step.uses = used[step.operand];
    return { steps, sums };
  };

  // Every step, as `steps.py` lists them.
  const run = (columns, leaves, { rate = null, parameters = [], round = exact } = {}) => {
    const data = forward(columns, leaves, round);
    const back = backward(columns, data, round);
    const steps = [{ kind: "start" }];
    columns.operations.forEach((name, node) => {
      if (name) steps.push({ kind: "forward", node, data: data[node] });
    });
    const seed = steps.length;
    steps.push({ kind: "seed", node: data.length - 1 }, ...back.steps);
    for (const node of rate === null ? [] : parameters) {
      const gradient = back.sums[node] ?? 0;
      steps.push({ kind: "update", node, data: data[node], gradient, after: round(data[node] - rate * gradient) });
    }
    return { data, gradient: back.sums, steps, seed };
  };

  // What is known after step n: data and sums (undefined: not yet), how many of its uses a node has got.
  const stateAt = (columns, computed, n) => {
    const data = computed.data.map((x, i) => (columns.operations[i] ? undefined : x));
    const sums = computed.data.map(() => undefined);
    const used = computed.data.map(() => 0);
    for (const step of computed.steps.slice(0, n + 1)) {
      if (step.kind === "forward") data[step.node] = step.data;
      else if (step.kind === "seed") sums[step.node] = 1;
      else if (step.kind === "update") data[step.node] = step.after;
      else if (step.kind === "backward") {
        used[step.operand] = step.use;
        if (step.sum !== null) sums[step.operand] = step.sum;
      }
    }
    return { data, sums, used };
  };

  // Central difference of the result by a leaf, never rounded: [f(x + h), f(x - h), slope, h].
  const difference = (columns, leaves, leaf) => {
    const x = leaves.get(leaf);
    const h = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), 1))) - 17);
    const at = (moved) => forward(columns, new Map(leaves).set(leaf, moved)).at(-1);
    const [up, down] = [at(x + h), at(x - h)];
    return [up, down, (up - down) / (x + h - (x - h)), h];
  };

  // The leaves that an operation of one's own was made from: the page cannot compute what follows from moving them.
  const held = (columns) => {
    const found = new Set();
    for (let i = columns.operations.length - 1; i >= 0; i--) {
      if (!columns.frozen[i] && !found.has(i)) continue;
      for (const o of columns.operands[i]) if (typeof o === "number") found.add(o);
    }
    return found;
  };

  // How the result depends on a node: for each node whether the target is below it, and the number of ways down to it.
  const ways = (columns, gradient, data, target) => {
    const below = columns.operations.map((_, i) => i === target);
    const count = below.map(Number);
    const edges = [];
    for (let i = target + 1; i < below.length; i++) {
      if (!columns.operations[i] || gradient[i] === null) continue;
      const locals = partials(columns, i, data);
      columns.operands[i].forEach((o, place) => {
        if (typeof o !== "number" || !below[o] || locals[place] === null) return;
        below[i] = true;
        count[i] += count[o];
        edges.push({ operand: o, reader: i, place });
      });
    }
    return { below, count: count.at(-1), edges };
  };

  return Object.freeze({ backward, difference, exact, forward, held, number, partials, run, short, stateAt, ways });
})();
